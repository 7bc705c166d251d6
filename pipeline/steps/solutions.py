"""Linear equations in one name that follow from each other in a sentence: `2x − 5 = 9, so 2x = 14 and x = 7`.

Each has one solution. Where the author says that the second follows from the first and they have different ones, the
second is an error.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from tracewright.pipeline.steps import polynomials
from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.polynomials import IMAGINARY_UNIT, Monomial, TooLargeError
from tracewright.pipeline.steps.quotients import make_quotient
from tracewright.pipeline.steps.trees import Literal, Name, iterate_nodes

MAX_LINK_CHARACTERS = 60
_ROUNDING = Fraction(2, 100)
"""Of a solution: equations with decimals whose solutions differ by less may have been rounded."""
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


class Solution(NamedTuple):
    """The only value of a name for which an equation is true."""

    name: str
    value: Fraction
    is_stated: bool
    """Whether the equation is `x = 7` itself."""
    has_decimals: bool


def solve(left: Side, right: Side) -> Solution | None:
    """The solution of a linear equation in one name; None for other equations."""
    if not (left.is_clean and right.is_clean) or left.marks or right.marks or IMAGINARY_UNIT in left.names:
        return None
    one, other = left.trees[0], right.trees[0]
    if len(left.names | right.names) != 1 or len(left.trees) + len(right.trees) > 2:
        return None
    try:
        first, second = make_quotient(one), make_quotient(other)
        difference = polynomials.subtract(first, second)
    except (TooLargeError, RecursionError):
        return None
    (name,) = left.names | right.names
    if polynomials.find_atoms(first.bottom) or polynomials.find_atoms(second.bottom):
        return None
    unknown: Monomial = ((name, 1),)
    if set(difference) - {()} != {unknown}:
        return None
    is_stated = (isinstance(one, Name) or isinstance(other, Name)) and not (left.names and right.names)
    value = -difference.get((), Fraction(0)) / difference[unknown]
    return Solution(name, value, is_stated, _has_decimals(left) or _has_decimals(right))


def contradicts(first: Solution, second: Solution, between: str) -> bool:
    """Whether the second is said to follow from the first, which has another solution."""
    if first.name != second.name or first.value == second.value or first.is_stated:
        return False
    if first.has_decimals or second.has_decimals:
        scale = max(abs(first.value), abs(second.value))
        if abs(first.value - second.value) <= _ROUNDING * scale:
            return False
    return _links(between, is_conclusion=second.is_stated)


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
