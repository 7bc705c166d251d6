"""Cutting a completion into steps, and its tokens with it.

Steps are what the author set apart: lines, paragraphs, list items, displayed formulas with the words that lead to them.
A text that is one paragraph is cut into sentences. Everywhere a sentence that takes something back ("Wait, …") begins
a step. Formulas and code are never cut.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tracewright.pipeline.steps.regions import Region, RegionKind, find_regions
from tracewright.pipeline.steps.sentences import find_reversals, find_sentence_starts
from tracewright.schemas import Span
from tracewright.schemas.errors import InputError

_LINE_END = re.compile(r"\n\s*")
_ENDS_SENTENCE = (".", "!", "?")
_MIN_WRAPPED_CHARACTERS = 60
"""A line broken by its author is often shorter; one broken by an editor is not."""
_MAX_HEADING_CHARACTERS = 90
_HEADING = re.compile(
    r"\s*(?:\#{1,6}\s|\*\*[^*]+\*\*:?\s*$|__[^_]+__:?\s*$|(?:step|case|part)\s+(?:\d{1,3}|[ivxIVX]{1,4}|[A-Z])\b)",
    re.IGNORECASE,
)
_ITEM = re.compile(
    r"(?:[-*•+–]\s|\(?\d{1,3}[.):]\s|\(?[a-zA-Z][.)]\s|\#{1,6}\s|\*\*|(?:step|case|part)\s+\w{1,4}\b)", re.IGNORECASE
)
_CONTINUES = re.compile(r"[,.;:)]|(?:where|and|or|with|for|which|because|since|so that|then)\b")
_THINKING_ENDS = re.compile(r"</(?:think|thinking|reasoning)>\s*", re.IGNORECASE)
_WORD = re.compile(r"\w")
_TAGS = re.compile(r"</?(?:think|thinking|reasoning)>", re.IGNORECASE)


def segment(text: str, *, reasoning: Span | None = None) -> list[Span]:
    """The steps of a completion: contiguous spans that cover it, so that their texts joined give it back.

    Space between two steps belongs to the one before. A formula or a piece of code is never cut. `reasoning` is the
    part that is thinking: a step does not reach over its ends.
    """
    if not text:
        return []
    fixed = {0, *(match.end() for match in _THINKING_ENDS.finditer(text)), *_reasoning_ends(text, reasoning)}
    regions = find_regions(text)
    found = set(_find_line_cuts(text, regions))
    if not found - fixed:
        found.update(find_sentence_starts(text, regions))
    found.update(find_reversals(text, regions))
    cuts = _drop_empty(text, sorted((fixed | found) - {len(text)}), fixed)
    return [Span(start=start, end=end) for start, end in pairwise([*cuts, len(text)])]


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
    if starts != sorted(starts):
        raise InputError("token_ends decreases: expected the number of characters complete after each token, in order")
    cuts = [0, *(bisect_left(starts, span.start) for span in spans[1:]), len(token_ends)]
    return [Span(start=start, end=end) for start, end in pairwise(cuts)]


def _find_line_cuts(text: str, regions: Sequence[Region]) -> Iterator[int]:
    place = 0
    line_start = 0
    for match in _LINE_END.finditer(text):
        end = match.end()
        start = line_start + len(text[line_start : match.start()].rstrip())
        while place < len(regions) and regions[place].end <= start:
            place += 1
        following = regions[place] if place < len(regions) else None
        if end == len(text) or (following is not None and following.start < start):
            continue
        previous = regions[place - 1] if place else None
        if _is_cut(text, text[line_start:start], match, previous, following):
            yield end
        line_start = end


def _is_cut(text: str, line: str, gap: re.Match[str], previous: Region | None, following: Region | None) -> bool:
    """Whether a step ends with this line."""
    if not line.strip():
        return False
    end = gap.end()
    if previous is not None and previous.kind is not RegionKind.INLINE and not text[previous.end : end].strip():
        return _CONTINUES.match(text, end) is None
    if following is not None and following.start == end and following.kind is not RegionKind.INLINE:
        return line.endswith(_ENDS_SENTENCE)
    if line.lstrip().startswith("|") and text.startswith("|", end):
        return False
    if _is_heading(line):
        return _is_heading(text[end : end + _MAX_HEADING_CHARACTERS].split("\n", 1)[0])
    is_blank = gap.group().count("\n") > 1
    return is_blank or not _is_wrapped(text, line, end)


def _is_heading(line: str) -> bool:
    """A heading belongs to what stands below it; one with an equation is a step of its own."""
    if len(line) > _MAX_HEADING_CHARACTERS or _HEADING.match(line) is None:
        return False
    return "=" not in line and not line.endswith(_ENDS_SENTENCE)


def _is_wrapped(text: str, line: str, end: int) -> bool:
    """Whether the next line goes on with the sentence: broken by an editor, or behind a comma."""
    if not line.endswith(",") and (len(line) < _MIN_WRAPPED_CHARACTERS or line.endswith((*_ENDS_SENTENCE, ":", ";"))):
        return False
    return text[end].islower() and _ITEM.match(text, end) is None


def _drop_empty(text: str, cuts: list[int], fixed: set[int]) -> list[int]:
    """The cuts but those at a piece without content, such as a rule or a tag: it joins its neighbour."""
    kept = cuts[:1]
    for start, end in pairwise([*cuts[1:], len(text)]):
        if start in fixed or (_has_content(text, kept[-1], start) and _has_content(text, start, end)):
            kept.append(start)
    return kept


def _has_content(text: str, start: int, end: int) -> bool:
    """Whether a letter or digit stands there that is not the name of a tag."""
    if _WORD.search(text, start, end) is None:
        return False
    piece = text[start:end]
    return "<" not in piece or _WORD.search(_TAGS.sub("", piece)) is not None


def _reasoning_ends(text: str, reasoning: Span | None) -> tuple[int, ...]:
    if reasoning is None:
        return ()
    return tuple(place for place in (reasoning.start, reasoning.end) if place <= len(text))
