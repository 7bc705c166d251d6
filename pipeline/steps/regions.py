"""Where a text is formula, code or prose: found in one pass, in time linear in the text.

Covered: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`, `\\begin{align}…\\end{align}` and the like, fenced and inline code. A `$`
before an amount of money is told from a delimiter by pandoc's rule: the opening one has no space after it, the closing
one none before it and no digit behind it. Formulas do not cross a blank line, so that one lost delimiter costs one
paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MAX_FORMULA_CHARACTERS = 4_000
"""A longer stretch between the delimiters of a display is taken for prose."""
MAX_INLINE_CHARACTERS = 600
"""The same for formulas and code within a line of text."""


class RegionKind(StrEnum):
    """What a region is. An inline formula may stand in a sentence; a display stands alone."""

    INLINE = "inline"
    DISPLAY = "display"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Region:
    """A formula or code: `start` and `end` include its delimiters, `inner_start` and `inner_end` do not."""

    kind: RegionKind
    start: int
    end: int
    inner_start: int
    inner_end: int


LAYOUTS = "align|aligned|alignat|equation|gather|gathered|multline|eqnarray|split|displaymath|math|flalign"
"""Environments that hold formulas one below the other."""
_ENVIRONMENTS = rf"(?:{LAYOUTS}|d?cases|array|(?:[pbvBV]|small)?matrix)\*?"
_OPENING = re.compile(
    rf"""(?P<fence>^[ \t]*(?:```+[^`\n]*|~~~+[^\n]*)$)
    |(?P<tick>`+)
    |(?P<escaped>\\[\\$])
    |(?P<display>\\\[)
    |(?P<paren>\\\()
    |(?P<begin>\\begin\{{(?P<name>{_ENVIRONMENTS})\}})
    |(?P<drawing>\[asy\]|\\begin\{{(?:asy|tabular|verbatim|lstlisting|minted|tikzpicture|algorithmic)\}})
    |(?P<dollars>\$\$)
    |(?P<dollar>\$(?!<<)(?=\S))""",
    re.VERBOSE | re.MULTILINE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_CLOSING_DOLLAR = re.compile(r"\$(?<=[^\s\\]\$)(?!\d|<<)")
"""The sign comes first, so that a search goes from one to the next."""
_PROSE_WORDS = re.compile(r"(?<![\\{A-Za-z])[A-Za-z]{3,}[ ,]+[A-Za-z]{3,}|[A-Za-z]{3,}[.?!]\s")
_WORDS_IN_FORMULA = re.compile(r"\\[A-Za-z]+(?:\s*\{[^{}]*\})?")


def find_regions(text: str) -> list[Region]:
    """The formulas and pieces of code of a text, in order and without overlap."""
    if not _may_open(text):
        return []
    regions: list[Region] = []
    position = 0
    finder = _CloserFinder(text)
    while (opening := _OPENING.search(text, position)) is not None:
        region = _close(text, opening, finder)
        if region is None:
            position = opening.end()
        else:
            regions.append(region)
            position = region.end
    return regions


def _may_open(text: str) -> bool:
    """Whether the text has more than amounts of money: most prose is told from formulas by its characters alone."""
    if "\\" in text or "`" in text or "~~~" in text or "[asy]" in text:
        return True
    return "$" in text and ("$$" in text or _CLOSING_DOLLAR.search(text) is not None)


class _CloserFinder:
    """Looks for closing delimiters and remembers how far there is none, so that many openings cost one pass."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._clear_until: dict[str, int] = {}

    def find(self, closer: str, start: int, limit: int) -> int:
        """Where the closer begins between `start` and `limit`, or −1."""
        begin = max(start, self._clear_until.get(closer, 0))
        found = self._text.find(closer, begin, limit) if begin < limit else -1
        if found < 0:
            self._clear_until[closer] = max(begin, limit - len(closer))
        return found


def _close(text: str, opening: re.Match[str], finder: _CloserFinder) -> Region | None:
    """The region that begins here; None where nothing closes it."""
    start, inner = opening.span()
    if opening["fence"]:
        return _close_fence(text, opening)
    if opening["dollar"]:
        return _close_dollar(text, start, inner)
    if opening["escaped"]:
        return None
    kind, closer, reach = RegionKind.DISPLAY, "$$", MAX_FORMULA_CHARACTERS
    if opening["tick"]:
        kind, closer, reach = RegionKind.CODE, opening.group(), MAX_INLINE_CHARACTERS
    elif opening["drawing"]:
        kind, closer = RegionKind.CODE, opening.group().replace("[asy", "[/asy").replace("begin", "end")
    elif opening["paren"]:
        kind, closer = RegionKind.INLINE, r"\)"
    elif opening["display"]:
        closer = r"\]"
    elif opening["begin"]:
        closer = rf"\end{{{opening['name']}}}"
    end = finder.find(closer, inner, inner + reach)
    return None if end < 0 else Region(kind, start, end + len(closer), inner, end)


def _close_fence(text: str, opening: re.Match[str]) -> Region:
    """A fence closes with one as long or longer (CommonMark); one that nothing closes runs to the end."""
    line = opening.group().strip()
    mark = line[: len(line) - len(line.lstrip(line[0]))]
    closing = re.compile(rf"^[ \t]*{mark}{mark[0]}*(?=[ \t]*\r?$)", re.MULTILINE).search(text, opening.end())
    inner_end, end = (len(text), len(text)) if closing is None else closing.span()
    return Region(RegionKind.CODE, opening.start(), end, opening.end(), inner_end)


def _close_dollar(text: str, start: int, inner: int) -> Region | None:
    limit = inner + MAX_INLINE_CHARACTERS
    blank = _BLANK_LINE.search(text, inner, limit)
    closing = _CLOSING_DOLLAR.search(text, inner, limit if blank is None else blank.start())
    if closing is None or closing.start() == inner:
        return None
    if _PROSE_WORDS.search(_WORDS_IN_FORMULA.sub("", text[inner : closing.start()])):
        return None
    return Region(RegionKind.INLINE, start, closing.end(), inner, closing.start())
