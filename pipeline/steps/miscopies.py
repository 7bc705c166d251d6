"""Numbers that were copied wrong: 693 where only 692 was mentioned.

Most numbers that appear for the first time are knowledge (60 minutes, 365 days) or were worked out in the head, so this
is said only of numbers with three digits or more that are not round, and only where exactly one number before differs
from it by one digit or by two that are swapped and is not used in the same step. On 4,695 right solutions of
grade-school problems that happened once, and there the sum had been copied wrong indeed.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from fractions import Fraction

from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.claims import Claim, quote
from tracewright.pipeline.steps.memory import Memory
from tracewright.pipeline.steps.reading import StepReading
from tracewright.pipeline.steps.trees import find_numbers
from tracewright.pipeline.steps.values import Number, format_number
from tracewright.schemas import CheckOutcome

MIN_DIGITS = 3
MAX_KNOWN_NUMBERS = 500
"""After more numbers than that, one of them is near to any other."""
_MIN_DECIMAL = 10
_CONSTANTS = {"128", "144", "168", "256", "365", "366", "512", "1024", "1728", "1760", "2024", "2025", "3600", "5280"}


def check_copies(memory: Memory, text: str, reading: StepReading) -> list[Claim]:
    """The claims that fail because a step computes with a number that was copied wrong."""
    if not memory.seen or memory.worked is not None:
        return []
    claims: list[Claim] = []
    for offset, content in reading.pieces:
        for chain in content.chains:
            side = chain.sides[0]
            found = None if side is None else find_miscopy(side, memory.seen, content.mentioned)
            if side is None or found is None:
                continue
            start, end = offset + side.start, offset + side.end
            copied = text[start:end]
            value, original = map(format_number, found)
            reason = f"{quote(copied)}: {value} was not mentioned before, {original} was"
            claims.append(Claim(copied, start, end, CheckOutcome.FAILS, reason, copied))
    return claims


def find_miscopy(side: Side, known: AbstractSet[Number], used: frozenset[Number]) -> tuple[Number, Number] | None:
    """A number of the side that nobody mentioned, and the only one known that it can be a wrong copy of."""
    if side.names or side.decimals is not None:
        return None
    if len(known) > MAX_KNOWN_NUMBERS:
        return None
    for value in find_numbers(side.trees[0]):
        if value in known:
            continue
        digits = _write(value)
        if not _is_telling(digits):
            continue
        near = [number for number in known if number not in used and _is_near(digits, _write(number))]
        if len(near) == 1:
            return value, near[0]
    return None


def _write(value: Number) -> str:
    """The digits of an integer, or of a decimal above 10 with at most two places; empty for other numbers.

    Smaller decimals are rates and prices that everybody knows: a nickel, a quarter, 75 %.
    """
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Fraction) and value > _MIN_DECIMAL and 100 % value.denominator == 0:
        return f"{float(value):.2f}" if abs(value) < 10**9 else ""
    return ""


def _is_telling(digits: str) -> bool:
    return len(digits.replace(".", "")) >= MIN_DIGITS and digits[-1] != "0" and digits not in _CONSTANTS


def _is_near(one: str, other: str) -> bool:
    if len(one) != len(other):
        return False
    places = [place for place in range(len(one)) if one[place] != other[place]]
    if len(places) == 1:
        return True
    return len(places) == 2 and one[places[0]] == other[places[1]] and one[places[1]] == other[places[0]]
