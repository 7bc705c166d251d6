"""Parsed answers as sympy objects, built node by node: sympy never sees the text. Imported by workers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from tracewright.pipeline.verify.comparison.real_sets import ALL_WORDS, EMPTY_WORDS
from tracewright.pipeline.verify.failures import UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Apply, Call, Group, Listing, Node, Number, Relation, Symbol, Words

_CONSTANTS: dict[str, Any] = {"π": sympy.pi, "e": sympy.E, "i": sympy.I, "∞": sympy.oo}
_RELATIONS: dict[str, Any] = {"<": sympy.Lt, "≤": sympy.Le, ">": sympy.Gt, "≥": sympy.Ge, "≠": sympy.Ne, "=": sympy.Eq}


def expression(node: Node, functions: frozenset[str]) -> Any:
    """The sympy expression of a value; variables are real, sums and integrals stay unevaluated.

    Raises:
        UndecidedError: it is no value, or holds something that has no counterpart.
    """
    match node:
        case Number():
            return sympy.Rational(node.value.numerator, node.value.denominator)
        case Symbol(name):
            return _symbol(name)
        case Call(name, arguments):
            inner = [expression(argument, functions) for argument in arguments]
            if name.endswith("_") or name in functions or len(inner) != 1:
                return sympy.Function(name)(*inner)
            return _symbol(name) * inner[0]
        case Apply(name, arguments):
            return _apply(name, arguments, functions)
        case _:
            raise UndecidedError("no value")


def _symbol(name: str) -> Any:
    return _CONSTANTS.get(name) or sympy.Symbol(name, real=True)


def _apply(name: str, arguments: tuple[Node, ...], functions: frozenset[str]) -> Any:
    inner = [expression(argument, functions) for argument in arguments]
    match name, inner:
        case "sum", [body, index, first, last]:
            return sympy.Sum(body, (index, first, last))
        case "prod", [body, index, first, last]:
            return sympy.Product(body, (index, first, last))
        case "int", [body, variable, first, last]:
            return sympy.Integral(body, (variable, first, last))
        case "lim", [body, variable, point]:
            return sympy.Limit(body, variable, point)
        case _:
            return _operate(name, inner)


def _operate(name: str, inner: list[Any]) -> Any:
    if name != "neg" and any(value in (sympy.oo, -sympy.oo) for value in inner):
        raise UndecidedError("infinity is no number")
    operation = _OPERATIONS.get(name)
    if operation is None:
        raise UndecidedError(f"{name} has no counterpart")
    try:
        return operation(*inner)
    except (TypeError, ValueError) as error:
        raise UndecidedError(f"{name}: {error}") from error


def _log(value: Any, base: Any = None) -> Any:
    return sympy.log(value, 10 if base is None else base)


def _root(value: Any, degree: Any = None) -> Any:
    if degree is None:
        return sympy.sqrt(value)
    return sympy.real_root(value, degree) if degree.is_odd else sympy.root(value, degree)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": sympy.Add,
    "*": sympy.Mul,
    "/": lambda above, below: above / below,
    "ratio": lambda above, below: above / below,
    "neg": lambda value: -value,
    "^": sympy.Pow,
    "%": lambda value: value / 100,
    "°": lambda value: value * sympy.pi / 180,
    "sqrt": _root,
    "cbrt": sympy.cbrt,
    "log": _log,
    "lg": _log,
    "ln": sympy.log,
    "exp": sympy.exp,
    "abs": sympy.Abs,
    "factorial": sympy.factorial,
    "double_factorial": sympy.factorial2,
    "cis": lambda angle: sympy.exp(sympy.I * angle),
    "binomial": sympy.binomial,
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
    "max": sympy.Max,
    "min": sympy.Min,
    "gcd": sympy.gcd,
    "lcm": sympy.lcm,
    "mod": sympy.Mod,
    "sgn": sympy.sign,
    "Re": sympy.re,
    "Im": sympy.im,
    **{
        name: getattr(sympy, name)
        for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth")
    },
    **{f"arc{name}": getattr(sympy, f"a{name}") for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{f"arc{name}": getattr(sympy, f"a{name}") for name in ("sinh", "cosh", "tanh")},
}


def solution_set(node: Node, variable: Any) -> Any:
    """The real numbers that fulfil a condition, or that a set, an interval or a list of values holds.

    Raises:
        UndecidedError: sympy can't solve it.
    """
    match node:
        case Symbol("ℝ"):
            return sympy.S.Reals
        case Symbol("∅"):
            return sympy.S.EmptySet
        case Words(text) if text.casefold() in EMPTY_WORDS:
            return sympy.S.EmptySet
        case Words(text) if text.casefold() in ALL_WORDS:
            return sympy.S.Reals
        case Apply("∪", arguments):
            return sympy.Union(*(solution_set(argument, variable) for argument in arguments))
        case Apply("∩", arguments):
            return sympy.Intersection(*(solution_set(argument, variable) for argument in arguments))
        case Apply("∖", (whole, part)):
            return sympy.Complement(solution_set(whole, variable), solution_set(part, variable))
        case Group("{", _, items):
            return sympy.FiniteSet(*(expression(item, frozenset()) for item in items))
        case Group(left, right, (low, high)):
            ends = expression(low, frozenset()), expression(high, frozenset())
            return sympy.Interval(*ends, left_open=left == "(", right_open=right == ")")
        case Relation():
            return _solve_chain(node, variable)
        case Listing(items, alternative):
            sets = [solution_set(item, variable) for item in items]
            united = alternative or any(not isinstance(item, Relation) or item.operators == ("=",) for item in items)
            return sympy.Union(*sets) if united else sympy.Intersection(*sets)
        case _:
            return sympy.FiniteSet(expression(node, frozenset()))


def _solve_chain(node: Relation, variable: Any) -> Any:
    result = sympy.S.Reals
    for index, operator in enumerate(node.operators):
        left, right = node.operands[index], node.operands[index + 1]
        if operator == "∈":
            result = result.intersect(solution_set(right, variable))
        else:
            result = result.intersect(
                _solve(expression(left, frozenset()), operator, expression(right, frozenset()), variable)
            )
    return result


def _solve(left: Any, operator: str, right: Any, variable: Any) -> Any:
    if operator not in _RELATIONS:
        raise UndecidedError(f"{operator} has no solutions")
    if operator in ("=", "≠"):
        roots = sympy.solveset(left - right, variable, sympy.S.Reals)
        return roots if operator == "=" else sympy.Complement(sympy.S.Reals, roots)
    relation = _RELATIONS[operator](left, right)
    if relation in (sympy.true, sympy.false):
        return sympy.S.Reals if relation == sympy.true else sympy.S.EmptySet
    try:
        return sympy.solve_univariate_inequality(relation, variable, relational=False)
    except NotImplementedError as error:
        raise UndecidedError(f"an inequality that can't be solved: {error}") from error
