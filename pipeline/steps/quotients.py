"""Expressions with names as quotients of polynomials.

What is no polynomial (a root, a function's value, a power with a name in the exponent) becomes an atom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from math import isqrt
from typing import NamedTuple

from tracewright.pipeline.steps.evaluation import evaluate
from tracewright.pipeline.steps.polynomials import (
    MAX_DEGREE,
    ONE,
    Quotient,
    TooLargeError,
    add,
    multiply,
    raise_to,
    subtract,
)
from tracewright.pipeline.steps.trees import Literal, Name, Operation, Tree
from tracewright.pipeline.steps.values import UndefinedValueError


class FunctionRule(NamedTuple):
    """`f(x) = body`."""

    argument: str
    body: Tree


def make_quotient(tree: Tree, functions: Mapping[str, FunctionRule] | None = None, depth: int = 0) -> Quotient:
    """The tree as a quotient; functions that are defined are worked out.

    Raises:
        TooLargeError: a limit is passed, or the tree divides by zero.
    """
    builder = _Builder(functions or {}, depth)
    return builder.build(tree)


class _Builder:
    def __init__(self, functions: Mapping[str, FunctionRule], depth: int) -> None:
        self._functions = functions
        self._depth = depth
        self._binary: dict[str, Callable[[Quotient, Quotient], Quotient]] = {
            "+": lambda a, b: (
                Quotient(add(multiply(a.top, b.bottom), multiply(b.top, a.bottom)), multiply(a.bottom, b.bottom))
                if a.bottom != b.bottom
                else Quotient(add(a.top, b.top), a.bottom)
            ),
            "-": lambda a, b: Quotient(subtract(a, b), multiply(a.bottom, b.bottom)),
            "*": lambda a, b: Quotient(multiply(a.top, b.top), multiply(a.bottom, b.bottom)),
            "/": _divide,
        }

    def build(self, tree: Tree) -> Quotient:
        if isinstance(tree, Literal):
            return _constant(tree.value)
        if isinstance(tree, Name):
            return Quotient({((tree.text, 1),): Fraction(1)}, ONE)
        operator, arguments = tree
        if operator in self._binary:
            return self._binary[operator](self.build(arguments[0]), self.build(arguments[1]))
        if operator == "^":
            return self._power(tree)
        if operator == "negate":
            inner = self.build(arguments[0])
            return Quotient(add({}, inner.top, -1), inner.bottom)
        if operator == "percent":
            return _divide(self.build(arguments[0]), _constant(Fraction(100)))
        if operator.startswith("unit:") or operator == "degrees":
            return self.build(arguments[0])
        if operator.startswith("call:"):
            return self._call(tree)
        return self._other(tree)

    def _power(self, tree: Operation) -> Quotient:
        exponent = tree.arguments[1]
        if isinstance(exponent, Operation):
            try:
                value = evaluate(exponent, {})
            except UndefinedValueError:
                return self._atom(tree)
            if not isinstance(value, int):
                return self._other(tree)
            exponent = Literal(value, -1)
        if not isinstance(exponent, Literal) or not isinstance(exponent.value, int):
            return self._atom(tree)
        if abs(exponent.value) > MAX_DEGREE:
            return self._other(tree)
        base = self.build(tree.arguments[0])
        if exponent.value < 0:
            base = _divide(_constant(Fraction(1)), base)
        degree = abs(exponent.value)
        return Quotient(raise_to(base.top, degree)[-1], raise_to(base.bottom, degree)[-1])

    def _call(self, tree: Operation) -> Quotient:
        rule = self._functions.get(tree.operator[5:])
        if rule is None or len(tree.arguments) != 1 or self._depth >= _MAX_CALL_DEPTH:
            return self._atom(tree)
        return make_quotient(
            replace_name(rule.body, rule.argument, tree.arguments[0]), self._functions, self._depth + 1
        )

    def _other(self, tree: Operation) -> Quotient:
        """A number where the tree is one, a root where it is rational inside, or else an atom."""
        try:
            value = evaluate(tree, {})
        except UndefinedValueError:
            return self._atom(tree)
        if not isinstance(value, Decimal):
            return _constant(value)
        if tree.operator in ("root", "sqrt") and (len(tree.arguments) == 1 or tree.arguments[1] == Literal(2, -1)):
            inside = evaluate(tree.arguments[0], {})
            if not isinstance(inside, Decimal):
                return _square_root(Fraction(inside))
        return self._atom(tree)

    def _atom(self, tree: Operation) -> Quotient:
        """An atom named after the tree in a canonical form, so that equal trees are the same atom.

        The name is a hash: written out, the names of nested atoms would double with every level.
        """
        parts: list[str] = []
        for argument in tree.arguments:
            quotient = self.build(argument)
            parts.append(f"{sorted(quotient.top.items())}/{sorted(quotient.bottom.items())}")
        digest = blake2b(";".join(parts).encode(), digest_size=_ATOM_BYTES).hexdigest()
        return Quotient({((f"{tree.operator}({digest})", 1),): Fraction(1)}, ONE)


_MAX_CALL_DEPTH = 3
_ATOM_BYTES = 12


def replace_name(tree: Tree, name: str, value: Tree) -> Tree:
    """The tree with another tree in place of a name."""
    if isinstance(tree, Name):
        return value if tree.text == name else tree
    if isinstance(tree, Literal):
        return tree
    return Operation(tree.operator, tuple(replace_name(argument, name, value) for argument in tree.arguments))


def _constant(value: object) -> Quotient:
    if isinstance(value, Decimal) or not isinstance(value, int | Fraction):
        raise TooLargeError("a real number that is not rational")
    return Quotient({(): Fraction(value)} if value else {}, ONE)


def _divide(left: Quotient, right: Quotient) -> Quotient:
    if not right.top:
        raise TooLargeError("division by zero")
    return Quotient(multiply(left.top, right.bottom), multiply(left.bottom, right.top))


_MAX_ROOT_FACTOR = 1_000


def _square_root(value: Fraction) -> Quotient:
    """`√(p/q)` as a rational factor times the root of a square-free integer, for factors up to 1,000."""
    inside = value.numerator * value.denominator
    factor = Fraction(1, value.denominator)
    for divisor in range(min(isqrt(abs(inside)), _MAX_ROOT_FACTOR), 1, -1):
        if inside % (divisor * divisor) == 0:
            inside //= divisor * divisor
            factor *= divisor
            break
    return Quotient({((f"√{inside}", 1),): factor} if inside != 1 else {(): factor}, ONE)
