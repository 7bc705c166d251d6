"""What a step says that can be checked: its chains of relations, its annotations and its numbers, with their places.

A step without formulas is read line by line and `;` by `;`, and each piece is remembered: worked arithmetic repeats
the same small equations, and reading one again costs a thirtieth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from tracewright.pipeline.steps.arithmetic import read_equation, read_sentence
from tracewright.pipeline.steps.chains import Chain, Side
from tracewright.pipeline.steps.comparison import settle
from tracewright.pipeline.steps.lexer import NUMBER, Token, read_number, tokenize
from tracewright.pipeline.steps.regions import find_regions
from tracewright.pipeline.steps.statements import read_chains
from tracewright.pipeline.steps.values import Number

MAX_STEP_CHARACTERS = 20_000
"""Of a longer step nothing is checked."""
MAX_PIECE_CHARACTERS = 2_000
"""A longer line without a formula is not read."""
_REMEMBERED_PIECES = 8_192
_REMEMBERED_CHARACTERS = 200
_REMEMBERED_STEPS = 2_048
"""The samples of one problem share many of their steps."""
_REMEMBERED_STEP_CHARACTERS = 400
_MAX_CODE_DIGITS = 8
"""Of a time or code with a leading zero, such as `0730`."""
_ANNOTATION = re.compile(r"<<([^<>\n]{1,400})>>")
RELATION_HINT = re.compile(r"[=<>≈≃≅≡≠≤≥~]|\bequals?\b")
_MAX_NUMBER_CHARACTERS = 40
_NUMBER = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?!(?:st|nd|rd|th)\b)|(?<![\w.])\.\d+|\d{1,3} \d{3}(?!\d)"
)
_PIECE = re.compile(r"[^;\n]+")
_ANNOTATED_NUMBER = re.compile(r"\s?[$€£]?\s?(-?[$€£]?(?:\d[\d,]*(?:\.\d+)?|\.\d+))")


_SHOWN_REACH = 40
"""Characters behind an annotation in which the number that it shows, with its unit, is looked for."""


class NumberInText(NamedTuple):
    """A number with its place."""

    value: Number
    start: int
    end: int


class Piece(NamedTuple):
    """What stands in a part of a step that begins at `offset`; places within count from there."""

    offset: int
    chains: tuple[Chain, ...]
    numbers: tuple[NumberInText, ...]


class Annotation(NamedTuple):
    """`<<a=b>>` and the side that is shown right behind it, if one is."""

    start: int
    end: int
    chain: Chain | None
    shown: Side | None


class StepReading(NamedTuple):
    """All that was read from a step."""

    pieces: tuple[Piece, ...]
    annotations: tuple[Annotation, ...]
    has_formulas: bool


def read_step(text: str) -> StepReading | None:
    """The step's claims; None where it is longer than the limit."""
    if len(text) > MAX_STEP_CHARACTERS:
        return None
    return _recall_step(text) if len(text) <= _REMEMBERED_STEP_CHARACTERS else _read_step(text)


def _read_step(text: str) -> StepReading:
    annotations: tuple[Annotation, ...] = ()
    if "<<" in text:
        annotations = tuple(_read_annotations(text))
        text = _ANNOTATION.sub(lambda match: " " * len(match.group()), text)
    regions = find_regions(text)
    if regions:
        tokens = tokenize(text, regions)
        return StepReading((_make_piece(0, tokens, "\n"),), annotations, has_formulas=True)
    return StepReading(tuple(_read_pieces(text)), annotations, has_formulas=False)


_recall_step = lru_cache(maxsize=_REMEMBERED_STEPS)(_read_step)


def _read_pieces(text: str) -> Iterator[Piece]:
    for match in _PIECE.finditer(text):
        start, end = match.span()
        if end - start > MAX_PIECE_CHARACTERS:
            continue
        follows = ";" if start and text[start - 1] == ";" else "\n"
        read = _recall_piece if end - start <= _REMEMBERED_CHARACTERS else _read_piece
        chains, numbers = read(match.group(), follows)
        if chains or numbers:
            yield Piece(start, chains, numbers)


def _read_piece(text: str, follows: str) -> tuple[tuple[Chain, ...], tuple[NumberInText, ...]]:
    equation = read_equation(text, follows) if "=" in text else None
    if equation is not None:
        return (equation,), tuple(scan_numbers(text))
    if RELATION_HINT.search(text) is None:
        return (), tuple(scan_numbers(text))
    sentence = read_sentence(text)
    if sentence is not None:
        return (sentence,), tuple(scan_numbers(text))
    piece = _make_piece(0, tokenize(text), follows)
    return piece.chains, piece.numbers


_recall_piece = lru_cache(maxsize=_REMEMBERED_PIECES)(_read_piece)


def _make_piece(offset: int, tokens: list[Token], follows: str) -> Piece:
    chains = tuple(settle(chain) for chain in read_chains(tokens, follows))
    return Piece(offset, chains, tuple(_read_numbers(tokens)))


def scan_numbers(text: str) -> Iterator[NumberInText]:
    """The numbers of a text without formulas; those within a word (`x2`, `1st`) are left out."""
    for match in _NUMBER.finditer(text):
        read = read_number(match.group())
        value = int(match.group()) if read is None and match.group().isdecimal() else read and read[0]
        if value is not None and match.end() - match.start() <= _MAX_NUMBER_CHARACTERS:
            yield NumberInText(value, match.start(), match.end())


def _read_numbers(tokens: list[Token]) -> Iterator[NumberInText]:
    previous: Token | None = None
    for token in tokens:
        if token.kind != NUMBER:
            continue
        read = read_number(token.text)
        if read is not None:
            yield NumberInText(read[0], token.start, token.end)
        elif token.text.isdecimal() and len(token.text) <= _MAX_CODE_DIGITS:
            yield NumberInText(int(token.text), token.start, token.end)
        if previous is not None and previous.end + 1 == token.start and len(token.text) == 3 and token.text.isdecimal():
            # `17 000`: read as two numbers above, because `5 100` may be two.
            joined = read_number(previous.text + token.text)
            if joined is not None:
                yield NumberInText(joined[0], previous.start, token.end)
        previous = token


def _read_annotations(text: str) -> Iterator[Annotation]:
    for match in _ANNOTATION.finditer(text):
        chains, _ = _recall_piece(match[1], "\n")
        chain = chains[0] if len(chains) == 1 else None
        yield Annotation(match.start(), match.end(), chain, _read_shown(text, match.end()))


def _read_shown(text: str, start: int) -> Side | None:
    match = _ANNOTATED_NUMBER.match(text, start)
    if match is None:
        return None
    end = text.find("\n", start)
    rest = text[match.end() : min(len(text) if end < 0 else end, start + _SHOWN_REACH)]
    return _recall_shown(text[start : match.end()], rest.split("<<", 1)[0])


@lru_cache(maxsize=_REMEMBERED_PIECES)
def _recall_shown(number: str, rest: str) -> Side | None:
    # `20g` is a quantity here, never 20 times g.
    rest = " " + rest if rest[:1].isalpha() else rest
    chains = read_chains(tokenize("= " + number + rest), "\n")
    side = chains[0].sides[1] if chains else None
    return side if side is not None and side.decimals is not None else None
