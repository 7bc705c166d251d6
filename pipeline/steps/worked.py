"""The short way through a line of worked arithmetic in which everything holds, such as `7+8=15; 47+38=85; = 85*3-20`.

It says what the walk would say of the same line, in a fifth of the time; a line with anything else in it (a claim that
does not hold, words, an answer) is left to the walk, and nothing of it is remembered here. Few objects are made and
fewer are kept: the garbage collector's passes over them cost more than reading a line again.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tracewright.pipeline.steps.arithmetic import read_equation
from tracewright.pipeline.steps.chains import Chain, Side, make_plain_side
from tracewright.pipeline.steps.claims import Claim, Finding, summarize
from tracewright.pipeline.steps.memory import Memory, Standing
from tracewright.pipeline.steps.trees import Literal
from tracewright.pipeline.steps.values import Number
from tracewright.schemas import CheckOutcome, StepCheck

_LINE = re.compile(r"[\d+\-*()=; ]{5,400}\n*")
_BINARY = re.compile(r" ?(([1-9]\d{0,11}|0)([-+*])([1-9]\d{0,11}|0))=([1-9]\d{0,11}|0)")


class _Part(NamedTuple):
    """One equation of a line: where its sides stand in it, what it comes to and the numbers in it."""

    start: int
    middle: int
    """Where the left side ends; −1 for `= …`, which continues the chain."""
    right_start: int
    end: int
    value: Number
    numbers: tuple[Number, ...]


def check_worked_line(memory: Memory, index: int, text: str) -> Finding | None:
    """The finding of a line that goes on with the question's chain; None for every other text."""
    worked = memory.worked
    if worked is None or memory.is_broken or not memory.question.is_plain or _LINE.fullmatch(text) is None:
        return None
    is_carried = worked.step >= 0
    expected = worked.value(memory.names)
    parts: list[_Part] = []
    carried: Side | None = None
    offset = 0
    for piece in text.rstrip("\n").split(";"):
        part = _read_binary(piece, offset)
        if part is None:
            read = read_equation(piece, ";" if offset else "")
            part = None if read is None else _place(read.chain, offset, read.mentioned)
            if part is None or read is None:
                return None
            if part.middle < 0:
                if not offset or carried is not None or part.value != expected:
                    return None
                carried, is_carried = read.chain.sides[1], True
        parts.append(part)
        offset += len(piece) + 1
    return _remember(memory, index, text, parts, worked, carried) if is_carried else None


def _read_binary(piece: str, offset: int) -> _Part | None:
    """`7+8=15`, if it holds: what nearly all column work consists of."""
    match = _BINARY.fullmatch(piece)
    if match is None:
        return None
    first, second, value = int(match[2]), int(match[4]), int(match[5])
    operator = match[3]
    result = first + second if operator == "+" else first - second if operator == "-" else first * second
    if value != result:
        return None
    numbers = (first, second, value)
    return _Part(
        offset + match.start(1), offset + match.end(1), offset + match.start(5), offset + len(piece), value, numbers
    )


def _place(chain: Chain, offset: int, numbers: frozenset[Number]) -> _Part | None:
    """The part that is one equation that holds, or `= …`; None where it is neither."""
    left, *rest = chain.sides
    right = rest[0]
    if len(rest) != 1 or right is None or right.value is None:
        return None
    start, end = offset + right.start, offset + right.end
    if left is None:
        return _Part(offset + chain.start, -1, start, end, right.value, tuple(numbers))
    comparison = chain.comparisons[0]
    if comparison is None or comparison.outcome is not CheckOutcome.HOLDS:
        return None
    return _Part(offset + left.start, offset + left.end, start, end, right.value, tuple(numbers))


def _remember(
    memory: Memory, index: int, text: str, parts: list[_Part], worked: Standing, carried: Side | None
) -> Finding:
    """The finding of a line that holds, and what is known after it; `carried` is what the chain went on to."""
    last: _Part | None = None
    claims: list[Claim] = []
    for part in parts:
        start, middle, right_start, end, value, numbers = part
        memory.seen.update(numbers)
        if middle >= 0 or carried is None:
            subject = text[start:middle]
            memory.produce(value, index)
            last = part
        else:
            subject = "".join(worked.text.split())
            memory.worked = Standing(carried, text[right_start:end], index)
        claims.append(Claim(text[start:end], start, end, CheckOutcome.HOLDS, "holds", subject))
    if last is not None:
        side = make_plain_side(last.right_start, last.end, Literal(last.value, -1), last.value)
        memory.tail = Standing(side, text[last.right_start : last.end], index)
        memory.last_equation = text[last.start : last.middle], last.value
    return Finding(_hold(len(claims)), (worked.step,), tuple(claims))


@cache
def _hold(count: int) -> StepCheck:
    return summarize([Claim("", 0, 0, CheckOutcome.HOLDS, "")] * count)
