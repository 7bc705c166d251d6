"""Where sentences begin, outside formulas and code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracewright.pipeline.steps.regions import Region, RegionKind

_ABBREVIATIONS = {
    "mr", "mrs", "ms", "dr", "st", "vs", "no", "nos", "fig", "eq", "eqs", "eqn", "approx", "etc", "inc", "jr", "sr",
    "prof", "e.g", "i.e", "cf", "a.m", "p.m", "u.s", "al", "ex", "sec", "min", "max", "ft", "in", "lb", "lbs", "oz",
    "hr", "hrs", "mt", "ave", "dept", "w.l.o.g", "resp", "thm", "ch", "vol", "jan", "feb", "aug", "sept", "oct", "nov",
    "dec", "gen", "col", "capt", "lt", "rev", "hon",
}  # fmt: skip
_END = re.compile(r"[.!?][\"'”’)\]*]*\s+(?=[\"'“‘(\[*$\\]*[A-Z0-9$\\(\[*“\"√∠△])")
_LAST_WORD = re.compile(r"([\w.]+)\.$")
_ITEM_NUMBER = re.compile(r"(?:^|\s)\(?\d{1,3}$")
_WORD_REACH = 24
_REVERSAL = re.compile(
    r"(?:(?<=[.!?…)\"”*]\s)|(?<=[.!?]\n)|^)[ \t]*(?=(?:(?:Oh|Oops|Ah|But|No|Hmm+|Ugh)[,.!… -]+){0,4}"
    r"(?:wait|hold on|hmm+|oops|actually|scratch that|on second thought|that(?:'s| is) (?:wrong|not right|incorrect)|"
    r"I made an? \w*\s?(?:mistake|error)|let me (?:re-?check|re-?do|re-?calculate|correct|fix|try again|start over)|"
    r"correction)\b)",
    re.IGNORECASE | re.MULTILINE,
)

_HINTS = (
    "wait",
    "hold on",
    "hmm",
    "oops",
    "actually",
    "scratch",
    "thought",
    "wrong",
    "t right",
    "incorrect",
    "mista",
    "error",
    "let me",
    "corr",
)


def find_sentence_starts(text: str, regions: Sequence[Region]) -> Iterator[int]:
    """The starts of all sentences but the first; a display that ends in a full stop ends its sentence."""
    for match in _END.finditer(text):
        start, end = match.span()
        if not _is_inside(regions, start) and not _is_abbreviated(text, start):
            yield end
    for region in regions:
        if region.kind is RegionKind.DISPLAY and region.end < len(text):
            inner = text[region.inner_start : region.inner_end].rstrip()
            following = re.compile(r"\s*").match(text, region.end)
            if inner.endswith(".") and following is not None and text[following.end() : following.end() + 1].isupper():
                yield following.end()


def find_reversals(text: str, regions: Sequence[Region]) -> Iterator[int]:
    """The starts of sentences that take something back."""
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return
    for match in _REVERSAL.finditer(text):
        if match.end() and not _is_inside(regions, match.end()):
            yield match.end()


def _is_inside(regions: Sequence[Region], place: int) -> bool:
    low, high = 0, len(regions)
    while low < high:
        middle = (low + high) // 2
        if regions[middle].end <= place:
            low = middle + 1
        else:
            high = middle
    return low < len(regions) and regions[low].start < place


def _is_abbreviated(text: str, stop: int) -> bool:
    """Whether the point belongs to an abbreviation, an initial or the number of a list item."""
    if text[stop] != ".":
        return False
    before = text[max(0, stop - _WORD_REACH) : stop + 1]
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    last = word[1]
    if last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isupper() and before[:-2].endswith((" ", "."))):
        return not _is_name_at_end(text, stop, last)
    return _ITEM_NUMBER.search(before[:-1]) is not None and (stop < _WORD_REACH and before[:-1].strip() == last)


def _is_name_at_end(text: str, stop: int, last: str) -> bool:
    """`… on line A. Then …`: a single letter that ends a sentence is followed by a common opening word."""
    return len(last) == 1 and _OPENING.match(text, stop + 1) is not None


_OPENING = re.compile(
    r"\s+(?:The|Then|So|This|Thus|We|It|Now|Next|Therefore|Hence|If|In|Since|By|Let|And|But|To|For)\b"
)
