"""Lines of worked arithmetic that are no equations: a bracket that nothing closes, two signs in a row, a lost operand.

Where a question is nothing but an expression, its solution is worked in equations separated by `;`. A part of such a
line that has the characters of arithmetic and can't be read as arithmetic continues nothing: it does not hold. In prose
the same characters may be a list, a range or a line that was broken in two, so that nothing is said there.
"""

from __future__ import annotations

import re

from tracewright.pipeline.steps.grammar import parse
from tracewright.pipeline.steps.lexer import tokenize

_ARITHMETIC = re.compile(r"(?:[\d+\-*/().= #]|<\|\w{1,20}\|>)+")
_BULLET = re.compile(r"[ ]*[-*+] ")
_STRAY = ("#", "<|")
"""Marks that begin a line or a turn and have lost their place."""


def is_malformed(text: str, follows: str) -> bool:
    """Whether a part of a line has only the characters of arithmetic and is neither equation nor expression.

    `follows` is what stands before the part: `;` or a new line.
    """
    if _ARITHMETIC.fullmatch(text) is None or not any(map(str.isdecimal, text)):
        return False
    if follows == "\n" and ("=" not in text or text.lstrip().startswith("#") or _BULLET.match(text)):
        return False
    if any(mark in text for mark in _STRAY):
        return True
    sides = text.split("=")
    if not sides[0].strip():
        sides = sides[1:]
    if follows == "\n" and not sides[-1].strip():
        # `47+38=` at the end of a line: what it comes to stands on the next one.
        sides = sides[:-1]
    return any(not parse(tokenize(side)) for side in sides)
