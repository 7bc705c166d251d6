"""Equations that are said to follow from each other in a sentence: `2x − 5 = 9, so 2x = 14 and x = 7`.

Where no values make both true, the second one is an error: both fix the same sum (`2x`, `a + b`, `k²`) at different
numbers, or the second states a value that the first does not allow.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from tracewright.pipeline.steps import polynomials
from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.polynomials import IMAGINARY_UNIT, Monomial, Polynomial, Quotient, TooLargeError
from tracewright.pipeline.steps.quotients import make_quotient
from tracewright.pipeline.steps.trees import Literal, Name, iterate_nodes
from tracewright.pipeline.steps.values import format_number

MAX_LINK_CHARACTERS = 60
_ROUNDING = Fraction(2, 100)
"""Equations with decimals whose numbers differ by less may have been rounded."""
_ARROWS = re.compile(r"\\(?:implies|Rightarrow|Longrightarrow|rightarrow|to|therefore)\b|[⇒→⟹∴]|[=-]>")
_LAYOUT = re.compile(r"\\(?:\\|quad|qquad|[\[\](),;: ])|[\s$&.,;:*]")
_DERIVES = {
    "so", "then", "thus", "hence", "therefore", "gives", "giving", "implies", "implying", "yields", "yielding",
    "means", "meaning",
}  # fmt: skip
_LINKS = _DERIVES | {
    "which",
    "this",
    "that",
    "it",
    "and",
    "we",
    "get",
    "have",
    "find",
    "obtain",
    "us",
    "from",
    "follows",
}


class Condition(NamedTuple):
    """An equation `polynomial = 0` with names in it."""

    polynomial: Polynomial
    stated: tuple[str, Fraction] | None
    """`x` and 7 of an equation that is `x = 7` itself."""
    has_decimals: bool


def read_condition(left: Side, right: Side) -> Condition | None:
    """The equation of two sides; None where it can't be read for sure."""
    if not (left.is_clean and right.is_clean) or left.marks or right.marks or IMAGINARY_UNIT in left.names:
        return None
    one, other = left.trees[0], right.trees[0]
    if len(left.trees) + len(right.trees) > 2:
        return None
    try:
        first, second = make_quotient(one), make_quotient(other)
        polynomial = polynomials.subtract(first, second)
    except (TooLargeError, RecursionError):
        return None
    if polynomials.find_atoms(first.bottom) or polynomials.find_atoms(second.bottom):
        return None
    if not polynomials.find_atoms(polynomial):
        return None
    stated = None
    if isinstance(one, Name) and not polynomials.find_atoms(second.top):
        stated = one.text, second.top.get((), Fraction(0)) / second.bottom[()]
    return Condition(polynomial, stated, _has_decimals(left) or _has_decimals(right))


def find_conflict(first: Condition, second: Condition, between: str, *, is_formula: bool) -> str:
    """Why the second equation can't follow from the first, as the words between them say; empty where it may."""
    if first.stated is not None or not _links(between, is_conclusion=second.stated is not None):
        return ""
    values = _fixed_values(first.polynomial, second.polynomial)
    has_decimals = first.has_decimals or second.has_decimals
    if values is not None:
        is_rounded = (has_decimals and _is_near(*values)) or (not is_formula and _is_whole_part(*values))
        if values[0] == values[1] or is_rounded:
            return ""
        return f"by the equation before, the same is {format_number(values[0])} and not {format_number(values[1])}"
    if second.stated is None or has_decimals or not _excludes(first.polynomial, *second.stated):
        return ""
    return "it is no solution of the equation before"


def _fixed_values(first: Polynomial, second: Polynomial) -> tuple[Fraction, Fraction] | None:
    """The numbers at which two equations fix the same sum, with the second one's coefficients; None for two sums."""
    one, other = _without_number(first), _without_number(second)
    if one.keys() != other.keys():
        return None
    lead = max(one)
    ratio = other[lead] / one[lead]
    if any(other[monomial] != coefficient * ratio for monomial, coefficient in one.items()):
        return None
    scale = other[lead] if len(other) == 1 else Fraction(1)
    return -first.get((), Fraction(0)) * ratio / scale, -second.get((), Fraction(0)) / scale


def _without_number(polynomial: Polynomial) -> dict[Monomial, Fraction]:
    return {monomial: coefficient for monomial, coefficient in polynomial.items() if monomial}


def _excludes(polynomial: Polynomial, name: str, value: Fraction) -> bool:
    """Whether an equation in this name alone is false for the value."""
    if polynomials.find_atoms(polynomial) != frozenset((name,)):
        return False
    try:
        return bool(polynomials.substitute(polynomial, name, Quotient({(): value} if value else {}, polynomials.ONE)))
    except TooLargeError:
        return False


def _is_near(one: Fraction, other: Fraction) -> bool:
    return abs(one - other) <= _ROUNDING * max(abs(one), abs(other))


def _is_whole_part(exact: Fraction, stated: Fraction) -> bool:
    """`4c = 30, so c = 7`: as many as fit."""
    return exact.denominator != 1 and stated.denominator == 1 and abs(exact - stated) < 1


def _links(between: str, *, is_conclusion: bool) -> bool:
    """Whether nothing but words of derivation stand there; `and` is one before `x = …`."""
    if len(between) > MAX_LINK_CHARACTERS:
        return False
    words = _LAYOUT.sub(" ", _ARROWS.sub(" so ", between)).lower().split()
    if not set(words) <= _LINKS:
        return False
    return not _DERIVES.isdisjoint(words) or (is_conclusion and words == ["and"])


def _has_decimals(side: Side) -> bool:
    return any(isinstance(node, Literal) and node.decimals > 0 for node in iterate_nodes(side.trees[0]))
