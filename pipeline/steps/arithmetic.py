"""Plain arithmetic, read without the tokens and grammar that prose and LaTeX need: the same trees, ten times faster.

Whatever is not plain (a name, a unit, two divisions in a row, numbers side by side) is left to the grammar.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from tracewright.pipeline.steps.chains import Chain, Comparison, Side, make_plain_side
from tracewright.pipeline.steps.comparison import settle
from tracewright.pipeline.steps.plain import read_plain
from tracewright.pipeline.steps.trees import Literal, Operation
from tracewright.pipeline.steps.values import Number
from tracewright.schemas import CheckOutcome

_EQUATION = re.compile(r"[\d+\-*/(). ]*(?:=[\d+\-*/(). ]+)+")
_EXPRESSION = re.compile(r"[\d+\-*/(). ]+")
_BINARY = re.compile(r"[ ]*(\d{1,12})([-+*])(\d{1,12})=(\d{1,12})[ ]*")
_BULLETS = ("- ", "* ", "+ ")
_NUMBER = r"[$€£]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?!,\d))(?:\.\d+)?(?![\d.]*\d)"
_UNIT = r"(?:[ ]?[A-Za-z]{2,}(?![A-Za-z’'])(?:/[ ]?[A-Za-z]{2,}(?![A-Za-z]))?){0,4}"
_SENTENCE = re.compile(
    rf"(?:[^=<>≈~≤≥≠]*[^\W\d_]{{2}}[,:]?[ ](?<!times )(?<!plus )(?<!minus )(?<!by )(?<!over )(?<!than ))?"
    rf"(?P<left>{_NUMBER}(?:{_UNIT}[ ]*[-–−+*/x×][ ]*{_NUMBER})+){_UNIT}[ ]*=[ ]*(?P<right>(?:[$€£][ ]*)?-?{_NUMBER})"
    rf"(?=[.;:,]?(?:\s|$))(?![ ]*[-–−+*/x×÷^(%])[^=<>≈~≤≥≠%]*$"
)
_WORDS = re.compile(r"[A-Za-z]{2,}(?:/[ ]?[A-Za-z]{2,})?|/[ ]?[A-Za-z]{2,}|[$€£]")
_NOTHING: frozenset[str] = frozenset()


class ReadChain(NamedTuple):
    """A chain of plain arithmetic with its numbers."""

    chain: Chain
    used: frozenset[Number]
    """All but those that the chain arrives at."""
    mentioned: frozenset[Number]


def read_binary(text: str) -> ReadChain | None:
    """The chain of `7+8=15`, if it holds: what nearly all column work consists of."""
    match = _BINARY.fullmatch(text)
    if match is None:
        return None
    first, operator, second, result = match.groups()
    if "0" in (first[0], second[0], result[0]) and max(len(first), len(second), len(result)) > 3:
        # `0930` is no number to reckon with.
        return None
    left, right, claimed = int(first), int(second), int(result)
    value = left + right if operator == "+" else left - right if operator == "-" else left * right
    if value != claimed:
        return None
    start, middle = match.start(1), match.end(3)
    tree = Operation(operator, (Literal(left, -1), Literal(right, -1)))
    sides = (
        Side(start, middle, (tree,), True, _NOTHING, None, False, False, False, _NOTHING, value),
        Side(middle + 1, match.end(4), (Literal(value, -1),), True, _NOTHING, -1, True, False, False, _NOTHING, value),
    )
    comparison = Comparison(CheckOutcome.HOLDS, value, value)
    chain = Chain(sides, ("=",), start, match.end(4), None, "", (comparison,))
    return ReadChain(chain, frozenset((left, right)), frozenset((left, right, value)))


def read_expression(text: str) -> Side | None:
    """The side of a text that is nothing but plain arithmetic with an operator; None for any other text."""
    read = read_plain(text) if _EXPRESSION.fullmatch(text) else None
    if read is None or not isinstance(read.tree, Operation) or read.tree.operator == "negate":
        return None
    return make_plain_side(len(text) - len(text.lstrip()), len(text.rstrip()), read.tree, read.value)


def read_side(text: str) -> Side | None:
    """The side of a text that is nothing but plain arithmetic, be it one number; None for any other text."""
    read = read_plain(text) if _EXPRESSION.fullmatch(text) else None
    return None if read is None else make_plain_side(0, len(text), read.tree, read.value)


def read_equation(text: str, follows: str) -> ReadChain | None:
    """The chain of a text that is nothing but an equation of plain arithmetic; None for any other text."""
    if _EQUATION.fullmatch(text) is None or text.startswith(_BULLETS):
        return None
    sides: list[Side | None] = []
    used: set[Number] = set()
    mentioned: set[Number] = set()
    position = 0
    for part in text.split("="):
        start = position + len(part) - len(part.lstrip())
        end = position + len(part.rstrip())
        position += len(part) + 1
        if start < end:
            read = read_plain(text[start:end])
            if read is None:
                return None
            side = make_plain_side(start, end, read.tree, read.value)
            mentioned |= read.numbers
            if not sides or side.decimals is None:
                used |= read.numbers
            sides.append(side)
        elif sides:
            return None
        else:
            sides.append(None)
    first = sides[0]
    start = text.index("=") if first is None else first.start
    chain = _make_chain(tuple(sides), start, len(text.rstrip()), follows if first is None else "")
    return ReadChain(chain, frozenset(used), frozenset(mentioned))


def read_sentence(text: str) -> Chain | None:
    """The chain of a sentence with one plain equation that holds, such as `She sells 16 - 3 - 4 = $9 a day`.

    None for other sentences: where the equation does not hold, what stands around it has to be looked at.
    """
    match = _SENTENCE.match(text)
    if match is None:
        return None
    left = read_plain(_WORDS.sub("", match["left"]))
    right = None if left is None or left.value is None else read_plain(match["right"].lstrip("$€£ "))
    if left is None or right is None or left.value != right.value:
        return None
    has_lead_in = match.start("left") > 0
    sides = (
        make_plain_side(*match.span("left"), left.tree, left.value, has_unit=True, has_lead_in=has_lead_in),
        make_plain_side(*match.span("right"), right.tree, right.value, has_unit=True),
    )
    comparison = Comparison(CheckOutcome.HOLDS, left.value, right.value)
    return Chain(sides, ("=",), sides[0].start, sides[1].end, None, "", (comparison,))


def _make_chain(sides: tuple[Side | None, ...], start: int, end: int, follows: str) -> Chain:
    chain = Chain(sides, ("=",) * (len(sides) - 1), start, end, None, follows)
    results = [None if side is None else side.value for side in sides]
    if any(left is None or left != right for left, right in pairwise(results)):
        return settle(chain)
    return chain._replace(
        comparisons=tuple(Comparison(CheckOutcome.HOLDS, left, right) for left, right in pairwise(results))
    )
