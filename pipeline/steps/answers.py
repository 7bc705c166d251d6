"""Where a step states the final answer, and the number that it states."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.lexer import tokenize
from tracewright.pipeline.steps.regions import find_regions
from tracewright.pipeline.steps.statements import read_chains

_ANSWER = re.compile(
    r"(?:\#{4}|^A:|\banswer\b(?:\s+is)?\s*[:=]?|\\boxed(?=\{))[ \t]*(?P<rest>[^\n]{1,120})",
    re.IGNORECASE | re.MULTILINE,
)
_OPENERS = re.compile(r"^(?:\*+|\\\(|\$(?=\\)|is\b|[ \t])+")


class StatedAnswer(NamedTuple):
    """A number stated as the answer, with its place in the step."""

    side: Side
    start: int
    end: int
    is_marked: bool
    """Whether it stands behind a mark that data sets use (`####`, `A:`)."""


def find_answer(text: str) -> StatedAnswer | None:
    """The last final answer in the step that is one number; None where there is none."""
    if not _may_state_answer(text):
        return None
    for match in reversed(list(_ANSWER.finditer(text))):
        side = _read_number_side(match["rest"])
        if side is not None:
            is_marked = match.group().startswith(("#", "A:"))
            return StatedAnswer(side, match.start(), match.start("rest") + side.end, is_marked)
    return None


def _may_state_answer(text: str) -> bool:
    return "####" in text or "A:" in text or "nswer" in text or "boxed" in text or "NSWER" in text


@lru_cache(maxsize=4096)
def _read_number_side(text: str) -> Side | None:
    opener = _OPENERS.match(text)
    offset = opener.end() if opener else 0
    line = " " * max(offset - 1, 0) + "=" + text[offset:] if offset else "=" + text
    shift = 0 if offset else 1
    chains = read_chains(tokenize(line, find_regions(line)), "\n")
    side = chains[0].sides[1] if chains and len(chains[0].sides) == 2 else None
    if side is None or side.decimals is None:
        return None
    return side._replace(start=side.start - shift, end=side.end - shift)
