"""Equations and inequalities up to equivalence: the same up to a factor that is never zero, or never negative."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tracewright.pipeline.verify.comparison.calls import has_unknown_values
from tracewright.pipeline.verify.evaluation.budget import current_budget
from tracewright.pipeline.verify.evaluation.numeric import BASE_DIGITS
from tracewright.pipeline.verify.evaluation.sampling import samples, variables_of, whole_symbols
from tracewright.pipeline.verify.evaluation.values import Finding, Point, Truth, same_value
from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.grammar.atoms import multiply
from tracewright.pipeline.verify.grammar.nodes import (
    FLIPPED,
    Apply,
    Call,
    Node,
    Number,
    Relation,
    Symbol,
    free_symbols,
    map_children,
    walk,
)

_MS_PER_NODE = 0.02
"""What one node costs that is walked through some ten times and evaluated at a point."""
_ONE = Number(Fraction(1))
_ALGEBRAIC = frozenset({"+", "*", "/", "neg", "^", "sqrt", "cbrt", "abs", "max", "min"})


def same_relation(a: Relation, b: Relation, functions: frozenset[str]) -> Finding:
    """Whether two relations say the same. Never raises."""
    try:
        return _compare_relations(a, b, functions)
    except LimitError as error:
        return Finding(Truth.REFUSED, "limit", str(error))


def _compare_relations(a: Relation, b: Relation, functions: frozenset[str]) -> Finding:
    if len(a.operators) != 1 or len(b.operators) != 1:
        return _same_chain(a, b, functions)
    if variables_of(a, functions) != variables_of(b, functions):
        return Finding(Truth.DIFFERENT, "equation", "they hold different variables")
    if {a.operators[0], b.operators[0]} <= {"=", "≠"}:
        if a.operators != b.operators:
            return Finding(Truth.DIFFERENT, "equation", "one holds where the other one does not")
        return _proportional(a, b, functions, needs_positive=False)
    flipped = a.operators[0] != b.operators[0]
    if flipped and FLIPPED.get(a.operators[0]) != b.operators[0]:
        truth = Truth.UNKNOWN if len(variables_of(a, functions)) == 1 else Truth.DIFFERENT
        return Finding(truth, "inequality", f"{b.operators[0]} is not {a.operators[0]}")
    return _proportional(a, _swap(b) if flipped else b, functions, needs_positive=True)


def _swap(relation: Relation) -> Relation:
    left, right = relation.operands
    return Relation((FLIPPED[relation.operators[0]],), (right, left))


def _same_chain(a: Relation, b: Relation, functions: frozenset[str]) -> Finding:
    """Chains are the same side by side, from the left or from the right."""
    turned = Relation(tuple(FLIPPED.get(sign, sign) for sign in reversed(b.operators)), b.operands[::-1])
    for other in (b, turned):
        if other.operators == a.operators:
            pairs = zip(a.operands, other.operands, strict=True)
            findings = [same_value(x, y, functions) for x, y in pairs]
            if all(found.truth is Truth.SAME for found in findings):
                return Finding(Truth.SAME, "inequality")
    one_variable = len(variables_of(a, functions) | variables_of(b, functions)) == 1
    reason = "the chains are not the same, operand by operand"
    return Finding(Truth.UNKNOWN if one_variable else Truth.DIFFERENT, "inequality", reason)


def _proportional(a: Relation, b: Relation, functions: frozenset[str], *, needs_positive: bool) -> Finding:
    """Whether one difference of sides is a constant times the other one, itself or after clearing denominators."""
    method = "inequality" if needs_positive else "equation"
    f, g = _difference(a), _difference(b)
    if _differ_by_factor(f, g, functions, needs_positive=needs_positive):
        return Finding(Truth.SAME, method)
    if not needs_positive and (_has_quotient(f) or _has_quotient(g)):
        above, other_above = _fraction(f)[0], _fraction(g)[0]
        if _differ_by_factor(above, other_above, functions, needs_positive=False):
            return Finding(Truth.SAME, method)
    solvable = len(variables_of(f, functions)) == 1 and _is_algebraic(f) and _is_algebraic(g)
    return Finding(Truth.UNKNOWN if solvable else Truth.DIFFERENT, method, "no factor leads from one to the other")


def _has_quotient(node: Node) -> bool:
    return any(isinstance(part, Apply) and part.name in ("/", "^") for part in walk(node))


def _is_algebraic(node: Node) -> bool:
    """Whether solving it is not hopeless: no function of the variable but powers, roots and absolute values."""
    applied = [part for part in walk(node) if isinstance(part, Apply) and free_symbols(part)]
    return all(part.name in _ALGEBRAIC for part in applied)


def _difference(relation: Relation) -> Node:
    left, right = relation.operands
    return Apply("+", (left, Apply("neg", (right,))))


def _differ_by_factor(f: Node, g: Node, functions: frozenset[str], *, needs_positive: bool) -> bool:
    """Whether f/g is the same number everywhere, by f·g(q) = f(q)·g for a point q at which neither is zero.

    Raises:
        LimitError: they are too long.
    """
    current_budget().spend(_MS_PER_NODE * sum(1 for side in (f, g) for _ in walk(side)))
    names = variables_of(f, functions) | variables_of(g, functions)
    if not names:
        # Two constants always differ by a factor.
        return same_value(f, g, functions).truth is Truth.SAME
    for point in samples(names, (whole_symbols(f) | whole_symbols(g)) & names):
        f_q, g_q = _value_at(f, point, functions), _value_at(g, point, functions)
        signs = _sign(f_q, functions), _sign(g_q, functions)
        if 0 in signs or None in signs:
            continue
        if needs_positive and signs[0] != signs[1]:
            return False
        return same_value(Apply("*", (f, g_q)), Apply("*", (f_q, g)), functions).truth is Truth.SAME
    return False


def _value_at(node: Node, point: Mapping[str, Fraction], functions: frozenset[str]) -> Node:
    """A number where the node is rational there, else the expression with numbers for its variables."""
    if has_unknown_values(node, functions):
        return substitute(node, point)  # an unknown function has other values in each comparison
    try:
        return Number(Point(point, functions).exact(node))
    except (UndecidedError, LimitError):
        return substitute(node, point)  # to be compared numerically, or refused there


def _sign(node: Node, functions: frozenset[str]) -> int | None:
    if isinstance(node, Number):
        return (node.value > 0) - (node.value < 0)
    if same_value(node, Number(Fraction(0)), functions).truth is not Truth.DIFFERENT:
        return 0
    evaluator = Point({}, functions).numeric(BASE_DIGITS)
    try:
        value = evaluator.value(node)
    except (UndecidedError, LimitError):
        return None
    return None if evaluator.context.im(value) else (1 if evaluator.context.re(value) > 0 else -1)


def substitute(node: Node, point: Mapping[str, Fraction]) -> Node:
    """The expression with numbers for its variables."""
    match node:
        case Symbol(name):
            return Number(point[name]) if name in point else node
        case Call(name, (argument,)) if name in point:
            return Apply("*", (Number(point[name]), substitute(argument, point)))
        case _:
            return map_children(node, lambda part: substitute(part, point))


def _fraction(node: Node) -> tuple[Node, Node]:
    """A numerator and a denominator whose quotient the node is."""
    match node:
        case Apply("/", (above, below)):
            (a, b), (c, d) = _fraction(above), _fraction(below)
            return _product([a, d]), _product([b, c])
        case Apply("neg", (inner,)):
            above, below = _fraction(inner)
            return Apply("neg", (above,)), below
        case Apply("*", factors):
            parts = [_fraction(factor) for factor in factors]
            return _product([above for above, _ in parts]), _product([below for _, below in parts])
        case Apply("+", terms):
            return _add_fractions([_fraction(term) for term in terms])
        case Apply("^", (base, Number() as exponent)) if exponent.value.denominator == 1:
            above, below = _fraction(base)
            return Apply("^", (above, exponent)), below if _is_one(below) else Apply("^", (below, exponent))
        case _:
            return node, _ONE


def _product(factors: list[Node]) -> Node:
    """The product without its ones: with them a sum of many terms would have as many denominators."""
    return multiply([factor for factor in factors if not _is_one(factor)] or [_ONE])


def _is_one(node: Node) -> bool:
    return isinstance(node, Number) and node.value == 1


def _add_fractions(parts: list[tuple[Node, Node]]) -> tuple[Node, Node]:
    numerators: dict[Node, list[Node]] = {}
    for above, below in parts:
        numerators.setdefault(below, []).append(above)
    terms = [
        _product([Apply("+", tuple(above)), *(other for other in numerators if other != below)])
        for below, above in numerators.items()
    ]
    return Apply("+", tuple(terms)), _product(list(numerators))
