"""Cutting a completion into steps, and its tokens with it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tracewright.pipeline.steps.regions import find_regions
from tracewright.schemas import Span
from tracewright.schemas.errors import InputError

_LINE_END = re.compile(r"\n\s*")


def segment(text: str, *, reasoning: Span | None = None) -> list[Span]:
    """The steps of a completion: contiguous spans that cover it, so that their texts joined give it back.

    Space between two steps belongs to the one before. A formula or a piece of code is never cut. `reasoning` is the
    part that is thinking: a step does not reach over its ends.
    """
    cuts = sorted({0, len(text), *_find_cuts(text), *_reasoning_ends(text, reasoning)})
    return [Span(start=start, end=end) for start, end in pairwise(cuts)]


def token_spans(spans: Sequence[Span], token_ends: Sequence[int]) -> list[Span]:
    """For each span of characters, its tokens: those whose first character lies in it.

    `token_ends` gives for each token the number of characters that are complete after it. A character that is spread
    over several tokens counts as the first character of each of them. Tokens at or after the end of the text belong
    to the last span.

    Raises:
        InputError: `token_ends` decreases somewhere.
    """
    if not spans:
        return []
    starts = [0, *token_ends[:-1]] if token_ends else []
    if any(later < earlier for earlier, later in pairwise(starts)):
        raise InputError("token_ends decreases: expected the number of characters complete after each token, in order")
    cuts = [0, *(bisect_left(starts, span.start) for span in spans[1:]), len(token_ends)]
    return [Span(start=start, end=end) for start, end in pairwise(cuts)]


def _find_cuts(text: str) -> Iterator[int]:
    regions = find_regions(text)
    place = 0
    for match in _LINE_END.finditer(text):
        while place < len(regions) and regions[place].end <= match.start():
            place += 1
        is_inside = place < len(regions) and regions[place].start < match.end() and regions[place].start < match.start()
        if not is_inside and text[: match.start()].strip():
            yield match.end()


def _reasoning_ends(text: str, reasoning: Span | None) -> tuple[int, ...]:
    if reasoning is None:
        return ()
    return tuple(place for place in (reasoning.start, reasoning.end) if place <= len(text))
