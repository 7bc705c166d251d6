"""Where mathematics stands in prose: formulas between delimiters, and runs of numbers and operators without any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

FORMULA = re.compile(
    # A formula has at most 2,000 characters, so that a text of nothing but opening delimiters is read in linear time.
    r"\$\$(?:[^$\\]|\\.){1,2000}\$\$|\$(?:[^$\\]|\\.){1,2000}\$|\\\(.{1,2000}?\\\)|\\\[.{1,2000}?\\\]"
    r"|\\begin\{[a-z]{3,9}\*?\}.{1,2000}?\\end\{[a-z]{3,9}\*?\}",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"(?P<ordinal>\d+(?:st|nd|rd|th)\b)|(?P<number>(?<!\d)\.\d+|\d+(?:[.,]\d+)*(?::\d+)*|[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])"
    r"|(?P<operator>[-+−*/^=<>≤≥≠≈±×·÷√!|%°¢²³∞π(){}\[\]_]|\\?[$€£¥₹](?=\s?[-−]?\d)|\\[a-zA-Z]+|\\[,!;: {}%])"
    r"|(?P<word>[^\W\d_]+)|(?P<space>[ \t]+)|(?P<other>.)",
    re.DOTALL,
)
_JOINS = frozenset("+-−*/^=<>≤≥≠≈±×·÷√_")
_WORDS = frozenset({"pi", "sqrt", "sin", "cos", "tan", "ln", "log", "exp"})
_MONEY_DOLLAR = re.compile(r"\$\s?[-−]?\d[\d,]*(?:\.\d+)?")
_LONE_NAME = re.compile(r"[$\\(\[\s]*[A-Za-z]+(?:_\{?\w+\}?)?'*(?:\([A-Za-z, ]*\))?[$\\)\]\s]*")

Interval = tuple[int, int]


def formulas_in(text: str) -> list[Interval]:
    """The formulas between `$`, `$$`, `\\(` and `\\[`, without those that only name a variable.

    Two dollar signs that are prices (`$5 each, $10 in all`) enclose no formula.
    """
    return [found.span() for found in _formulas(text) if not _LONE_NAME.fullmatch(found.group())]


def unwrap_formulas(text: str) -> str:
    """The text with its formulas out of their delimiters."""
    position, parts = 0, list[str]()
    for found in _formulas(text):
        if found.group().startswith("\\begin"):
            continue
        width = 2 if found.group()[:2] in ("$$", "\\(", "\\[") else 1
        parts += [text[position : found.start()], found.group()[width:-width]]
        position = found.end()
    return "".join([*parts, text[position:]])


def _formulas(text: str) -> Iterator[re.Match[str]]:
    position = 0
    while found := FORMULA.search(text, position):
        price = _MONEY_DOLLAR.match(text, found.start())
        if price and _is_price_pair(text, found.end(), found.group(), price):
            position = price.end()
            continue
        position = found.end()
        yield found


def _is_price_pair(text: str, end: int, formula: str, price: re.Match[str]) -> bool:
    between = formula[len(price.group()) : -1]
    if text[end : end + 1].isdigit() and between.rstrip()[-1:] in "+-−*/(=×÷,–":
        return True
    return re.search(r"[A-Za-z]{2,}", re.sub(r"\\[a-zA-Z]+(?:\{[^}]*\})?", "", between)) is not None


def runs_in(text: str, formulas: Sequence[Interval]) -> list[Interval]:
    """The longest runs of numbers, operators and single letters that hold a number and overlap no formula."""
    runs: list[Interval] = []
    position = 0
    for start, end in [*formulas, (len(text), len(text))]:
        runs.extend(_runs(text, position, start))
        position = end
    return runs


def _runs(text: str, start: int, end: int) -> list[Interval]:
    runs: list[Interval] = []
    run: list[re.Match[str]] = []
    tokens = list(_TOKEN.finditer(text, start, end))
    for index, token in enumerate(tokens):
        if _belongs(tokens, index):
            run.append(token)
            continue
        _close(runs, run)
        run = []
    _close(runs, run)
    return runs


def _belongs(tokens: Sequence[re.Match[str]], index: int) -> bool:
    token = tokens[index]
    if token.lastgroup == "number":
        # In `AZYUK2A` a digit is a part of a name.
        before = tokens[index - 1].group() if index else ""
        return not (len(before) > 1 and before[-1].isascii() and before[-1].isalpha() and before[0] != "\\")
    if token.lastgroup == "operator":
        return True
    if token.group() in _WORDS:
        return True
    if token.lastgroup == "word":
        return len(token.group()) == 1 and (_joins(tokens, index, -1) or _joins(tokens, index, 1))
    return token.lastgroup == "space"


def _joins(tokens: Sequence[re.Match[str]], index: int, step: int) -> bool:
    """Whether a single letter stands beside an operator, or directly beside a number."""
    beside = index + step
    if 0 <= beside < len(tokens) and tokens[beside].lastgroup == "number":
        return True
    if 0 <= beside < len(tokens) and tokens[beside].lastgroup == "space":
        beside += step
    return 0 <= beside < len(tokens) and tokens[beside].group() in _JOINS


def _close(runs: list[Interval], run: list[re.Match[str]]) -> None:
    while run and (run[-1].lastgroup == "space" or run[-1].group() in _JOINS):
        run.pop()
    kept = 0
    while kept < len(run) and (run[kept].lastgroup == "space" or run[kept].group() in "=*/^)]}!%°"):
        kept += 1
    run = run[kept:]
    if any(token.lastgroup == "number" for token in run):
        runs.append((run[0].start(), run[-1].end()))
