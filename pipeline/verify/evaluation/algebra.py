"""The dear part of the cascade: what sympy can say. It may run for ever: it belongs into a worker."""

from __future__ import annotations

from typing import Any

import sympy

from tracewright.pipeline.verify.evaluation.to_sympy import expression, solution_set
from tracewright.pipeline.verify.evaluation.values import Finding, Truth
from tracewright.pipeline.verify.failures import UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Node, free_symbols

_DIGITS = 40
_AGREEING_DIGITS = 30
_SAMPLES = ((7, 3), (-5, 4), (19, 8))


class SympyAlgebra:
    """Decides by simplification, by solving, and by numeric evaluation of sums, integrals and limits."""

    def same_value(self, a: Node, b: Node, functions: frozenset[str]) -> Finding:
        """Whether two expressions are equal."""
        try:
            difference = expression(a, functions) - expression(b, functions)
        except UndecidedError as error:
            return Finding(Truth.UNKNOWN, "symbolic", str(error))
        difference = difference.doit()
        if difference.is_zero or sympy.simplify(difference) == 0:
            return Finding(Truth.SAME, "symbolic")
        return _judge_numerically(difference)

    def same_solutions(self, a: Node, b: Node) -> Finding:
        """Whether two conditions or sets of one real variable hold the same numbers."""
        names = free_symbols(a) | free_symbols(b)
        if len(names) != 1:
            return Finding(Truth.DIFFERENT, "symbolic", "conditions on several variables")
        variable = sympy.Symbol(next(iter(names)), real=True)
        try:
            left, right = (solution_set(node, variable) for node in (a, b))
        except (UndecidedError, NotImplementedError, TypeError, ValueError) as error:
            return Finding(Truth.UNKNOWN, "symbolic", str(error))
        return _compare_sets(left, right)


def _judge_numerically(difference: Any) -> Finding:
    """A number that is not zero to many digits proves a difference; zero to many digits is taken for equality."""
    if not difference.is_number:
        points = [dict.fromkeys(difference.free_symbols, sympy.Rational(*sample)) for sample in _SAMPLES]
        values = [difference.subs(point).evalf(_DIGITS) for point in points]
        if any(_is_clearly_nonzero(value) for value in values):
            return Finding(Truth.DIFFERENT, "symbolic")
        return Finding(Truth.UNKNOWN, "symbolic", "simplification does not end in zero")
    value = difference.evalf(_DIGITS)
    if not value.is_number or not value.is_finite:
        return Finding(Truth.UNKNOWN, "symbolic", "it has no finite value")
    if _is_clearly_nonzero(value):
        return Finding(Truth.DIFFERENT, "symbolic")
    return Finding(Truth.SAME, "symbolic", f"to {_AGREEING_DIGITS} digits")


def _is_clearly_nonzero(value: Any) -> bool:
    return bool(value.is_finite) and bool(abs(value) > sympy.Float(10, _DIGITS) ** -_AGREEING_DIGITS)


def _compare_sets(left: Any, right: Any) -> Finding:
    if left == right or sympy.simplify(left) == sympy.simplify(right):
        return Finding(Truth.SAME, "symbolic")
    rest = sympy.SymmetricDifference(left, right)
    if rest.is_empty:
        return Finding(Truth.SAME, "symbolic")
    if isinstance(left, sympy.FiniteSet) and isinstance(right, sympy.FiniteSet):
        return _compare_points(list(left.args), list(right.args))
    if rest.is_empty is False or isinstance(left, sympy.Interval | sympy.Union | sympy.FiniteSet):
        return Finding(Truth.DIFFERENT, "symbolic", "the solutions differ")
    return Finding(Truth.UNKNOWN, "symbolic", "the sets of solutions could not be compared")


def _is_zero(value: Any) -> bool:
    return bool(value.is_zero) or sympy.simplify(value) == 0


def _compare_points(left: list[Any], right: list[Any]) -> Finding:
    same = len(left) == len(right) and all(any(_is_zero(a - b) for b in right) for a in left)
    return Finding(Truth.SAME if same else Truth.DIFFERENT, "symbolic", "" if same else "the solutions differ")
