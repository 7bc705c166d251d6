"""Whether one side of a claim is what the other side is.

`fails` is said only where every reading of both sides is unequal, neither side may have lost a part of itself, and the
difference is no rounding to the digits that are shown. Everything else that is not equal is `unchecked`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tracewright.pipeline.steps.chains import Chain, Comparison, Side, make_side
from tracewright.pipeline.steps.doubts import ROUNDED_REAL, find_doubt, relative_difference, share_dimension
from tracewright.pipeline.steps.evaluation import MODES, PLAIN, Mode, evaluate
from tracewright.pipeline.steps.trees import POINT, Operation, Tree
from tracewright.pipeline.steps.values import Number, UndefinedValueError, are_equal, as_fraction, format_number
from tracewright.schemas import CheckOutcome

APPROXIMATION_TOLERANCE = Fraction(3, 100)
"""`≈` holds within 3 % …"""
_ORDERINGS = {"<", ">", "<=", ">="}


def settle(chain: Chain) -> Chain:
    """The chain with the comparisons of all neighbours that have no names."""
    comparisons: list[Comparison | None] = []
    for left, relation, right in zip(chain.sides, chain.relations, chain.sides[1:], strict=False):
        if left is None or right is None or left.names or right.names:
            comparisons.append(None)
        else:
            comparisons.append(compare(left, relation, right, {}, modulus=chain.modulus))
    return chain._replace(comparisons=tuple(comparisons))


def compare(
    left: Side,
    relation: str,
    right: Side,
    names: Mapping[str, Number],
    *,
    is_computed: bool = False,
    modulus: int | None = None,
    defined: Collection[str] = (),
) -> Comparison:
    """Compare two sides; names stand for the numbers given. What is made of `defined` names alone may fail.

    `is_computed` says that the claim is a computation, as an annotation is, even where it is a number and a number.
    """
    if _is_point(left) and _is_point(right):
        return _compare_points(left, relation, right, names)
    if left.names and not names:
        return Comparison(CheckOutcome.UNCHECKED, note="an equation with names")
    try:
        first = evaluate(left.trees[0], names) if left.value is None else left.value
        second = evaluate(right.trees[0], names) if right.value is None else right.value
    except UndefinedValueError as error:
        return Comparison(CheckOutcome.UNCHECKED, note=str(error))
    if relation == "mod" or modulus is not None:
        found = _compare_congruence(relation, first, second, modulus)
        if found.outcome is CheckOutcome.FAILS and (left.names or right.names):
            return found._replace(outcome=CheckOutcome.UNCHECKED, note="a congruence with names: a condition")
        return found
    if _has_two_signs(left) or _has_two_signs(right):
        return _compare_signs(left, relation, right, names, first, second)
    if _holds(relation, _Reading(first, _decimals(left, PLAIN)), _Reading(second, _decimals(right, PLAIN))):
        return Comparison(CheckOutcome.HOLDS, first, second)
    if any(_holds(relation, a, b) for a, b in _other_readings(left, right, names)):
        return Comparison(CheckOutcome.HOLDS, first, second)
    note = find_doubt(left, relation, right, first, second, is_computed, defined)
    if note:
        return Comparison(CheckOutcome.UNCHECKED, first, second, note)
    return Comparison(CheckOutcome.FAILS, first, second, _describe_units(left, right, names))


def _is_point(side: Side) -> bool:
    tree = side.trees[0]
    return isinstance(tree, Operation) and tree.operator == POINT


def _compare_points(left: Side, relation: str, right: Side, names: Mapping[str, Number]) -> Comparison:
    """`(8/2, 3 + 3) = (4, 6)`: coordinate by coordinate. Where nothing is worked out, it may be another notation."""
    pairs = [
        (make_side(left.start, left.end, (one,)), make_side(right.start, right.end, (other,)))
        for one, other in zip(_parts(left), _parts(right), strict=False)
    ]
    parts = [compare(one, relation, other, names, is_computed=True) for one, other in pairs]
    if len(_parts(left)) == len(_parts(right)) and all(part.outcome is CheckOutcome.HOLDS for part in parts):
        return Comparison(CheckOutcome.HOLDS)
    failed = next((part for part in parts if part.outcome is CheckOutcome.FAILS), None)
    is_worked = left.is_clean and right.is_clean and any(one.decimals is None for one, _ in pairs)
    if failed is not None and is_worked and relation == "=":
        return failed
    return Comparison(CheckOutcome.UNCHECKED, note="a list of numbers")


def _parts(side: Side) -> tuple[Tree, ...]:
    tree = side.trees[0]
    return tree.arguments if isinstance(tree, Operation) else ()


def _describe_units(left: Side, right: Side, names: Mapping[str, Number]) -> str:
    """Of two measures in different units: what they come to in the same one."""
    if not share_dimension(left, right):
        return ""
    try:
        first, second = evaluate(left.trees[0], names, MODES[-1]), evaluate(right.trees[0], names, MODES[-1])
    except UndefinedValueError:
        return ""
    return f"in one unit {format_number(first)} and {format_number(second)}"


def _compare_congruence(relation: str, left: Number, right: Number, modulus: int | None) -> Comparison:
    if relation not in ("mod", "=") or isinstance(left, Decimal) or isinstance(right, Decimal):
        return Comparison(CheckOutcome.UNCHECKED, left, right, "no congruence")
    if left == right:
        return Comparison(CheckOutcome.HOLDS, left, right)
    if not modulus:
        return Comparison(CheckOutcome.UNCHECKED, left, right, "a congruence without its modulus")
    difference = as_fraction(left) - as_fraction(right)
    if difference.denominator != 1:
        return Comparison(CheckOutcome.UNCHECKED, left, right, "a congruence of fractions")
    if difference.numerator % modulus == 0:
        return Comparison(CheckOutcome.HOLDS, left, right)
    outcome = CheckOutcome.FAILS if relation == "mod" else CheckOutcome.UNCHECKED
    return Comparison(outcome, left, right, f"modulo {modulus}")


def _has_two_signs(side: Side) -> bool:
    return "±" in side.marks


def _compare_signs(
    left: Side, relation: str, right: Side, names: Mapping[str, Number], first: Number, second: Number
) -> Comparison:
    """`3 ± 1 = ±…`: the two values of each side, in either order; a list of solutions on the right is not compared."""
    minus = Mode(percent=True, units=False, minus=True)
    try:
        other_first, other_second = evaluate(left.trees[0], names, minus), evaluate(right.trees[0], names, minus)
    except UndefinedValueError as error:
        return Comparison(CheckOutcome.UNCHECKED, note=str(error))
    same = are_equal(first, second) and are_equal(other_first, other_second)
    swapped = are_equal(first, other_second) and are_equal(other_first, second)
    if relation in ("=", "~") and (same or swapped):
        return Comparison(CheckOutcome.HOLDS, first, second)
    is_pair = _has_two_signs(left) and _has_two_signs(right) and relation == "=" and left.is_clean and right.is_clean
    is_real = any(isinstance(value, Decimal) for value in (first, second, other_first, other_second))
    is_near = is_real and relative_difference(first, second) < ROUNDED_REAL
    is_wrong = is_pair and not is_near and not (left.names or right.names)
    outcome = CheckOutcome.FAILS if is_wrong else CheckOutcome.UNCHECKED
    return Comparison(outcome, first, second, "with both signs")


def are_same(left: Side, right: Side) -> bool:
    """Whether two sides without names have the same value, to the digits that either shows."""
    return compare(left, "=", right, {}).outcome is CheckOutcome.HOLDS


def is_rounding(exact: Number, shown: Number, decimals: int) -> bool:
    """Whether `shown` is `exact` rounded or cut to so many decimals (an integer may also be rounded up)."""
    if type(exact) is int and type(shown) is int:
        return exact == shown
    unit = Fraction(1, 10 ** max(decimals, 0))
    if decimals > MAX_SHOWN_DECIMALS:
        unit = Fraction(1, 10**MAX_SHOWN_DECIMALS)
    difference = abs(as_fraction(exact) - as_fraction(shown))
    if difference <= unit / 2:
        return True
    if difference >= unit:
        return False
    return decimals < 0 or abs(as_fraction(shown)) < abs(as_fraction(exact))


MAX_SHOWN_DECIMALS = 10
"""Digits beyond the tenth are what floating point left."""


class _Reading(NamedTuple):
    """The value of a side in one of its readings, and the decimals of it that are shown (see `Side`)."""

    value: Number
    decimals: int | None


def _decimals(side: Side, mode: Mode) -> int | None:
    """The decimals that a side shows: two more where a percent sign is applied, so that 12% is no rounding of 0.15."""
    if side.decimals is None or not mode.percent or "percent" not in side.marks:
        return side.decimals
    return max(side.decimals, 0) + 2


def _holds(relation: str, left: _Reading, right: _Reading) -> bool:
    first, second = left.value, right.value
    if relation in _ORDERINGS:
        return _is_ordered(relation, first, second)
    if relation == "!=":
        return not are_equal(first, second)
    if first == second or are_equal(first, second):
        return True
    if right.decimals is not None and is_rounding(first, second, right.decimals):
        return True
    if left.decimals is not None and is_rounding(second, first, left.decimals):
        return True
    return relation == "~" and relative_difference(first, second) <= APPROXIMATION_TOLERANCE


def _is_ordered(relation: str, left: Number, right: Number) -> bool:
    if are_equal(left, right):
        return "=" in relation
    is_less = as_fraction(left) < as_fraction(right)
    return is_less == (relation[0] == "<")


def _other_readings(left: Side, right: Side, names: Mapping[str, Number]) -> Iterator[tuple[_Reading, _Reading]]:
    """The values in all other readings: ambiguous forms, percent signs and units applied or not."""
    if len(left.trees) == 1 == len(right.trees) and not (left.marks or right.marks):
        return
    lefts, rights = list(_readings(left, names)), list(_readings(right, names))
    for first in lefts:
        for second in rights:
            yield first, second


def _readings(side: Side, names: Mapping[str, Number]) -> Iterator[_Reading]:
    for tree in side.trees:
        for mode in MODES if side.marks else (PLAIN,):
            try:
                yield _Reading(evaluate(tree, names, mode), _decimals(side, mode))
            except UndefinedValueError:
                continue
