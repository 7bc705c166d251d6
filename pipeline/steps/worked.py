"""The short way through a line of worked arithmetic in which everything holds, such as `7+8=15; 47+38=85; = 85*3-20`.

It says what the walk would say of the same line, in a tenth of the time; a line with anything else in it (a claim that
does not hold, words, an answer) is left to the walk, and nothing of it is remembered here. No trees are built, and few
objects are made: the garbage collector's passes over them cost more than reading a line again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tracewright.pipeline.steps.claims import Claim, Finding, count_holding
from tracewright.pipeline.steps.memory import Memory, Standing
from tracewright.schemas import CheckOutcome

_LINE = re.compile(r"[\d+\-*()=; ]{5,400}\n*")
_REMEMBERED_VALUES = 4_096
"""Column work repeats the same small sums."""
_ANSWER = re.compile(r"#### (-?(?:[1-9]\d{0,11}|0))\n*")
_BULLETS = ("- ", "* ", "+ ")
_TOKEN = re.compile(r"\d+|[-+*()]")
_NUMBER = re.compile(r"\d+")


def check_worked_line(memory: Memory, index: int, text: str) -> Finding | None:
    """The finding of a line that goes on with the question's chain; None for every other text."""
    worked = memory.worked
    if worked is None or memory.is_broken or not memory.question.is_plain:
        return None
    if text[:1] == "#":
        return _check_answer(memory, index, text, worked)
    if _LINE.fullmatch(text) is None:
        return None
    line = text.rstrip("\n")
    if line.startswith(_BULLETS):
        return None
    equations = _read_equations(line)
    if equations is None:
        return None
    carried = [equation for equation in equations if not equation.left]
    if len(carried) > 1 or (not carried and worked.step < 0):
        return None
    if carried and (equations[0] is carried[0] or carried[0].value != worked.value(memory.names)):
        return None
    memory.seen.update(map(int, _NUMBER.findall(line)))
    return _remember(memory, index, equations, worked)


class _Equation(NamedTuple):
    left: str
    """Empty for `= …`."""
    right: str
    value: int
    text: str
    start: int


def _read_equations(line: str) -> list[_Equation] | None:
    """The parts between semicolons, each an equation that holds or `= …`; None where one is neither."""
    equations: list[_Equation] = []
    offset = 0
    for piece in line.split(";"):
        left, sign, right = piece.partition("=")
        value = work_out(right) if sign and "=" not in right else None
        left = left.strip()
        if value is None or (left and work_out(left) != value):
            return None
        start = offset + len(piece) - len(piece.lstrip())
        equations.append(_Equation(left, right.strip(), value, piece.strip(), start))
        offset += len(piece) + 1
    return equations


@lru_cache(maxsize=_REMEMBERED_VALUES)
def work_out(text: str) -> int | None:
    """The value of integers, `+ − ×` and brackets in one pass; None where it is no expression or has a second sign.

    `text` holds no other characters. Every term is a product with its sign, every open bracket keeps what stood before.
    """
    total, term, needs_operand = 0, 1, True
    outer: list[tuple[int, int]] = []
    for piece in _TOKEN.findall(text):
        if piece == "(":
            if not needs_operand:
                return None
            outer.append((total, term))
            total, term = 0, 1
        elif piece == ")":
            if needs_operand or not outer:
                return None
            inner = total + term
            total, term = outer.pop()
            term *= inner
        elif piece in "+-*":
            if needs_operand:
                if piece != "-":
                    return None
                term = -term
            elif piece != "*":
                total, term = total + term, 1 if piece == "+" else -1
            needs_operand = True
        else:
            if not needs_operand or (piece[0] == "0" and len(piece) > 1):
                return None
            term *= int(piece)
            needs_operand = False
    return None if needs_operand or outer else total + term


def _check_answer(memory: Memory, index: int, text: str, worked: Standing) -> Finding | None:
    """The finding of an answer that is the chain's value; it rests on the steps that arrived at it."""
    match = _ANSWER.fullmatch(text)
    if match is None or int(match[1]) != worked.value(memory.names):
        return None
    value = int(match[1])
    sources = {memory.find_source(abs(value)), memory.find_source(value)} - {None, index}
    memory.seen.add(abs(value))
    claim = Claim(text[: match.end(1)], 0, match.end(1), CheckOutcome.HOLDS, "holds")
    return Finding(count_holding(1), tuple(sorted(source for source in sources if source is not None)), (claim,))


def _remember(memory: Memory, index: int, equations: list[_Equation], worked: Standing) -> Finding:
    """The finding of a line that holds, and what is known after it."""
    claims: list[Claim] = []
    for left, right, value, written, start in equations:
        standing = Standing(None, right, index, value)
        if left:
            memory.produce(value, index)
            memory.tail = standing
            memory.last_equation = left, value
            subject = left
        else:
            subject = "".join(worked.text.split())
            memory.worked = standing
        claims.append(Claim(written, start, start + len(written), CheckOutcome.HOLDS, "holds", subject))
    return Finding(count_holding(len(claims)), (worked.step,), tuple(claims))
