"""When a decimal may stand for a number that it is not exactly."""

from __future__ import annotations

from fractions import Fraction

from tracewright.pipeline.verify.evaluation.values import exact_value, real_value
from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Apply, Node, Number, free_symbols
from tracewright.pipeline.verify.policy import Policy

_FLOAT_DIGITS = 15
"""Decimal digits that a double holds for certain: what differs only after them is noise of binary arithmetic."""
_MAX_CLEAN_DIGITS = 12
"""The number that noise is beside has at most so many digits."""


def stands_for(gold: Node, given: Node, policy: Policy) -> str | None:
    """Why one of two constants may stand for the other one by the policy; None where neither may."""
    if free_symbols(gold) or free_symbols(given):
        return None
    gold_decimal, given_decimal = as_decimal(gold), as_decimal(given)
    if policy.relative_tolerance and _is_near(gold, given, policy.relative_tolerance):
        return f"it is within {policy.relative_tolerance:g} of the gold answer"
    if gold_decimal and given_decimal and _is_noise(gold_decimal, given_decimal):
        return f"it differs only after {_FLOAT_DIGITS} digits, by noise of binary arithmetic"
    if policy.rounding == "exact":
        return None
    for decimal, other in ((gold_decimal, given), (given_decimal, gold)):
        if decimal and decimal.significant_digits >= policy.rounding_digits and _rounds(decimal, other):
            return f"one is the other one, rounded to {decimal.significant_digits} digits"
    if policy.rounding == "gold" and gold_decimal and _agrees(gold_decimal, given):
        return f"it is the gold answer when rounded to {gold_decimal.decimals} places"
    return None


def as_decimal(node: Node) -> Number | None:
    """The decimal that a node is written as, with its sign; None where it is written otherwise."""
    if isinstance(node, Apply) and node.name == "neg":
        inner = as_decimal(node.arguments[0])
        return inner and Number(-inner.value, inner.decimals, inner.significant_digits)
    return node if isinstance(node, Number) and node.decimals else None


def _rounds(decimal: Number, other: Node) -> bool:
    """Whether the decimal is a number without a finite decimal, cut or rounded to its last place."""
    exact = exact_value(other)
    value = _real_value(other)
    if value is None or (exact is not None and _is_finite_decimal(exact)):
        return False
    place = Fraction(1, 10**decimal.decimals)
    cut = abs(value) - abs(decimal.value)
    return abs(value - decimal.value) <= place / 2 or (value * decimal.value > 0 and 0 <= cut < place)


def _agrees(decimal: Number, other: Node) -> bool:
    value = _real_value(other)
    return value is not None and abs(decimal.value - value) <= Fraction(1, 2 * 10**decimal.decimals)


def _is_near(gold: Node, given: Node, tolerance: float) -> bool:
    wanted, value = _real_value(gold), _real_value(given)
    return wanted is not None and value is not None and abs(wanted - value) <= abs(wanted) * Fraction(tolerance)


def _real_value(node: Node) -> Fraction | None:
    try:
        return real_value(node)
    except (UndecidedError, LimitError):
        return None


def _is_finite_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _is_noise(a: Number, b: Number) -> bool:
    longer, shorter = (a, b) if a.significant_digits > b.significant_digits else (b, a)
    if longer.significant_digits < _FLOAT_DIGITS or shorter.significant_digits > _MAX_CLEAN_DIGITS:
        return False
    places = longer.decimals - (longer.significant_digits - _FLOAT_DIGITS)
    return round(longer.value, places) == shorter.value
