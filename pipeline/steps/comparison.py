"""Whether one side of a claim is what the other side is.

`fails` is said only where every reading of both sides is unequal, neither side may have lost a part of itself, and the
difference is no rounding to the digits that are shown. Everything else that is not equal is `unchecked`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from tracewright.pipeline.steps.chains import Chain, Comparison, Side
from tracewright.pipeline.steps.evaluation import MODES, PLAIN, Mode, evaluate
from tracewright.pipeline.steps.trees import Literal, Name, iterate_nodes
from tracewright.pipeline.steps.units import get_unit
from tracewright.pipeline.steps.values import Number, UndefinedValueError, are_equal, as_fraction, format_number
from tracewright.schemas import CheckOutcome

APPROXIMATION_TOLERANCE = Fraction(3, 100)
"""`≈` holds within 3 % …"""
APPROXIMATION_LIMIT = Fraction(15, 100)
"""… and fails beyond 15 %: between the two nothing is said."""
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
    if _holds(relation, first, second, left, right):
        return Comparison(CheckOutcome.HOLDS, first, second)
    if any(_holds(relation, a, b, left, right) for a, b in _other_readings(left, right, names)):
        return Comparison(CheckOutcome.HOLDS, first, second)
    note = _find_doubt(left, relation, right, first, second, is_computed, defined)
    if note:
        return Comparison(CheckOutcome.UNCHECKED, first, second, note)
    return Comparison(CheckOutcome.FAILS, first, second, _describe_units(left, right, names))


def _describe_units(left: Side, right: Side, names: Mapping[str, Number]) -> str:
    """Of two measures in different units: what they come to in the same one."""
    if not _share_dimension(left, right):
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
    is_exact = not any(isinstance(value, Decimal) for value in (first, second, other_first, other_second))
    outcome = CheckOutcome.FAILS if is_pair and is_exact and not (left.names or right.names) else CheckOutcome.UNCHECKED
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


def _holds(relation: str, left: Number, right: Number, left_side: Side, right_side: Side) -> bool:
    if relation in _ORDERINGS:
        return _is_ordered(relation, left, right)
    if relation == "!=":
        return not are_equal(left, right)
    if left == right or are_equal(left, right):
        return True
    if right_side.decimals is not None and is_rounding(left, right, right_side.decimals):
        return True
    if left_side.decimals is not None and is_rounding(right, left, left_side.decimals):
        return True
    return relation == "~" and _relative_difference(left, right) <= APPROXIMATION_TOLERANCE


def _is_ordered(relation: str, left: Number, right: Number) -> bool:
    if are_equal(left, right):
        return "=" in relation
    is_less = as_fraction(left) < as_fraction(right)
    return is_less == (relation[0] == "<")


def _relative_difference(left: Number, right: Number) -> Fraction:
    first, second = as_fraction(left), as_fraction(right)
    scale = max(abs(first), abs(second))
    return abs(first - second) / scale if scale else Fraction(0)


def _other_readings(left: Side, right: Side, names: Mapping[str, Number]) -> Iterator[tuple[Number, Number]]:
    """The values in all other readings: ambiguous forms, percent signs and units applied or not."""
    if len(left.trees) == 1 == len(right.trees) and not (left.marks or right.marks):
        return
    lefts, rights = list(_readings(left, names)), list(_readings(right, names))
    for first in lefts:
        for second in rights:
            yield first, second


def _readings(side: Side, names: Mapping[str, Number]) -> Iterator[Number]:
    for tree in side.trees:
        for mode in MODES if side.marks else (PLAIN,):
            try:
                yield evaluate(tree, names, mode)
            except UndefinedValueError:
                continue


def _find_doubt(
    left: Side, relation: str, right: Side, first: Number, second: Number, is_computed: bool, defined: Collection[str]
) -> str:
    """Why unequal sides are no error for sure; empty where they are one."""
    if not (left.is_clean and right.is_clean):
        return "the expression may be a part of a longer one"
    if right.names or (left.names and not _is_made_of(left, defined)):
        return "an equation with names: a condition or a definition"
    is_real = isinstance(first, Decimal) or isinstance(second, Decimal)
    if is_real and relation not in _ORDERINGS and _relative_difference(first, second) < Fraction(1, 100):
        return "a rounded value of a real number"
    if relation == "~" and _relative_difference(first, second) <= APPROXIMATION_LIMIT:
        return "a rough approximation"
    if relation == "mod":
        return "a congruence without its modulus"
    if is_computed and left.decimals is not None and (left.has_unit or left.has_lead_in):
        return "words in a computation"
    is_pair = left.decimals is not None and right.is_quantity
    if not is_computed and left.is_quantity and (is_pair or left.has_unit or left.has_lead_in):
        return "" if _share_dimension(left, right) else "a quantity that is described, not computed"
    if _measures(left) and _measures(right) and _measures(left) != _measures(right):
        return "two different units"
    if (left.has_unit or right.has_unit) and _is_rescaled(first, second):
        return "the same digits in another unit"
    return ""


def _is_made_of(side: Side, names: Collection[str]) -> bool:
    """Whether the side combines two or more of the names and has no number in it."""
    nodes = list(iterate_nodes(side.trees[0]))
    if any(isinstance(node, Literal) for node in nodes) or isinstance(side.trees[0], Name):
        return False
    return all(name in names for name in side.names)


def _is_rescaled(left: Number, right: Number) -> bool:
    first, second = as_fraction(left), as_fraction(right)
    return any(first * scale == second or second * scale == first for scale in (100, 1000, 10**6))


def _measures(side: Side) -> set[str]:
    return {get_unit(mark[5:]).dimension for mark in side.marks if mark.startswith("unit:")}


def _share_dimension(left: Side, right: Side) -> bool:
    """Whether both sides measure the same in different units, as a conversion does."""
    measured = _measures(left)
    return len(measured) == 1 and measured == _measures(right) and left.marks != right.marks
