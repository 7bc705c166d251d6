"""A completion's text as HTML: maths rendered, code as code, everything else as it stands, all of it escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

from markupsafe import Markup, escape

from tracewright.api.pages.maths import MAX_SOURCE_CHARS, MathsRenderer

MAX_CODE_CHARS = 20_000
WIDE_CHARS = 90
"""A longer formula may be wider than its place: it stands by itself and can be scrolled, by keyboard too."""
MAX_MATHS_SECONDS = 0.3
"""Of one page: what comes after is shown as source."""
MAX_MATHS_CHARS = 200_000
"""Of one page's MathML."""
_OPENER = re.compile(r"\\\$|\$\$|\$|\\\[|\\\(|```|\\begin\{([a-z]{2,12}\*?)\}")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CLOSERS = {"$$": "$$", "$": "$", "\\[": "\\]", "\\(": "\\)", "```": "```"}
_ENVIRONMENTS = frozenset(
    [
        "align",
        "align*",
        "aligned",
        "gather",
        "gather*",
        "equation",
        "equation*",
        "multline",
        "multline*",
        "cases",
        "array",
        "matrix",
        "pmatrix",
        "bmatrix",
        "vmatrix",
        "Vmatrix",
        "Bmatrix",
    ]
)


@dataclass
class ProseBudget:
    """What one page may spend on maths."""

    seconds: float = MAX_MATHS_SECONDS
    chars: int = MAX_MATHS_CHARS


@dataclass(frozen=True)
class Piece:
    """A part of a text: plain, maths or code."""

    kind: str
    text: str
    """Of maths the formula without its delimiters."""
    source: str
    display: bool = False


@dataclass(frozen=True)
class ProseRenderer:
    """Makes HTML of texts that nobody vouches for."""

    maths: MathsRenderer = field(default_factory=MathsRenderer)

    def render(self, text: str, budget: ProseBudget | None = None) -> Markup:
        """The text as HTML that is meant to be shown with its white space kept."""
        budget = budget or ProseBudget()
        return Markup("").join(self._render_piece(piece, budget) for piece in split_text(text))

    def _render_piece(self, piece: Piece, budget: ProseBudget) -> Markup:
        if piece.kind == "code":
            return Markup('<span class="code">{}</span>').format(piece.text)
        if piece.kind == "maths":
            return self._render_maths(piece, budget)
        return _render_plain(piece.text)

    def _render_maths(self, piece: Piece, budget: ProseBudget) -> Markup:
        made, began = None, perf_counter()
        if budget.seconds > 0 and budget.chars > 0:
            made = self.maths.render(piece.text, display=piece.display)
            budget.seconds -= perf_counter() - began
        if made is None or len(made) > budget.chars:
            return Markup('<code class="tex">{}</code>').format(piece.source)
        budget.chars -= len(made)
        if len(piece.text) > WIDE_CHARS:
            return Markup('<span class="display" tabindex="0" role="group" aria-label="Formula">{}</span>').format(made)
        return Markup('<span class="display">{}</span>').format(made) if piece.display else made


def _render_plain(text: str) -> Markup:
    """Text as it stands, but for the invisible signs that turn its direction: they would show another text."""
    shown = escape(text)
    return Markup(_TURNS.sub(_name_sign, shown)) if _TURNS.search(shown) else shown  # noqa: S704 - escaped before


def _name_sign(found: re.Match[str]) -> str:
    return f'<span class="turns">U+{ord(found[0]):X}</span>'


def split_text(text: str) -> Iterator[Piece]:
    """The text's parts in order; their sources, joined, are the text. Takes time linear in the text's length."""
    plain_from = position = 0
    while found := _OPENER.search(text, position):
        piece = _read_piece(text, found)
        if piece is None:
            position = found.end()
            continue
        if plain_from < found.start():
            plain = text[plain_from : found.start()]
            yield Piece("plain", plain, plain)
        yield piece
        plain_from = position = found.start() + len(piece.source)
    if plain_from < len(text):
        yield Piece("plain", text[plain_from:], text[plain_from:])


def _read_piece(text: str, found: re.Match[str]) -> Piece | None:
    opener, start = found[0], found.end()
    if opener == "\\$":
        return None
    if found[1] is not None:
        return _read_environment(text, found)
    closer, limit = _CLOSERS[opener], MAX_CODE_CHARS if opener == "```" else MAX_SOURCE_CHARS
    # A bounded search: openers without an end must not make the whole text be looked through for each of them.
    end = text.find(closer, start, start + limit + len(closer))
    if end <= start:
        return None
    inner = text[start:end]
    if opener == "$" and not _is_dollar_maths(text, inner, end):
        return None
    source = text[found.start() : end + len(closer)]
    if opener == "```":
        return Piece("code", inner.strip("\n"), source)
    return Piece("maths", inner, source, display=opener in ("$$", "\\["))


def _read_environment(text: str, found: re.Match[str]) -> Piece | None:
    if found[1] not in _ENVIRONMENTS:
        return None
    closer = f"\\end{{{found[1]}}}"
    end = text.find(closer, found.end(), found.end() + MAX_SOURCE_CHARS)
    if end < 0:
        return None
    source = text[found.start() : end + len(closer)]
    return Piece("maths", source, source, display=True)


def _is_dollar_maths(text: str, inner: str, end: int) -> bool:
    """Not money: `$` opens before what is no space, closes after what is no space, and no digit follows."""
    return (
        "\n" not in inner
        and not inner[0].isspace()
        and not inner[-1].isspace()
        and inner[-1] != "\\"
        and not text[end + 1 : end + 2].isdigit()
    )
