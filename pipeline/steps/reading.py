"""What a step says that can be checked: its chains of relations, its annotations and its numbers, with their places.

A step without formulas is read line by line and `;` by `;`, and each piece is remembered: worked arithmetic repeats
the same small equations, and reading one again costs a thirtieth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from tracewright.pipeline.steps.arithmetic import read_binary, read_equation, read_sentence
from tracewright.pipeline.steps.chains import Chain, Side, make_plain_side
from tracewright.pipeline.steps.comparison import settle
from tracewright.pipeline.steps.lexer import NUMBER, Token, read_number, tokenize
from tracewright.pipeline.steps.malformed import is_malformed
from tracewright.pipeline.steps.regions import find_regions
from tracewright.pipeline.steps.statements import read_chains
from tracewright.pipeline.steps.trees import Literal
from tracewright.pipeline.steps.values import Number

MAX_STEP_CHARACTERS = 20_000
"""Of a longer step nothing is checked."""
MAX_PIECE_CHARACTERS = 2_000
"""A longer line without a formula is not read."""
_REMEMBERED_PIECES = 256
_REMEMBERED_CHARACTERS = 200
_REMEMBERED_STEPS = 256
"""The samples of one problem share many of their steps. Remembering more of them than that costs more than it saves:
what lives long is gone through by the garbage collector again and again."""
_REMEMBERED_STEP_CHARACTERS = 400
_MAX_CODE_DIGITS = 8
"""Of a time or code with a leading zero, such as `0730`."""
_ANNOTATION = re.compile(r"<<([^<>\n]{1,400})>>")
RELATION_HINT = re.compile(r"[=<>≈≃≅≡≠≤≥~]|\bequals?\b")
_MAX_NUMBER_CHARACTERS = 40
_NUMBER = re.compile(
    r"[\d.](?<![\w.][\d.])"
    r"(?:(?<=\d)(?:\d{0,2}(?:,\d{3})+(?!\d)|\d*+)(?:\.\d+)?(?!(?:st|nd|rd|th)\b)|(?<=\.)\d+)"
)
"""It begins with a set of characters, so that a search skips the words between two numbers: half the time."""
_SIGNED_ANNOTATION = re.compile(r"-[$€£]?<<[^<>\n]{1,400}>>(?=-)")
"""The sign stands before the annotation and again behind it: it is one sign."""
_ANNOTATED_NUMBER = re.compile(r"\s?[$€£]?\s?(-?[$€£]?(?:\d[\d,]*(?:\.\d+)?|\.\d+))")


_SHOWN_REACH = 40
"""Characters behind an annotation in which the number that it shows, with its unit, is looked for."""


class Content(NamedTuple):
    """What stands in a part of a step; places count from the part's beginning."""

    chains: tuple[Chain, ...]
    used: frozenset[Number]
    """Its numbers but those that a chain arrives at."""
    mentioned: frozenset[Number]
    """All its numbers."""
    is_malformed: bool = False
    """Whether it has only the characters of arithmetic and is none: no equation of a worked line."""


class Piece(NamedTuple):
    """A part of a step that begins at `offset`."""

    offset: int
    content: Content


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
        text = _blank(text, annotations)
    regions = find_regions(text)
    if regions:
        content = _read_tokens(tokenize(text, regions), "\n")
        return StepReading((Piece(0, content),), annotations, has_formulas=True)
    return StepReading(tuple(_read_pieces(text)), annotations, has_formulas=False)


_recall_step = lru_cache(maxsize=_REMEMBERED_STEPS)(_read_step)


def _read_pieces(text: str) -> Iterator[Piece]:
    offset = 0
    for line in text.split("\n"):
        follows = "\n"
        for part in line.split(";") if ";" in line else (line,):
            size = len(part)
            if size and size <= MAX_PIECE_CHARACTERS:
                # What is all of its step but the line's end is remembered with the step.
                read = _recall_piece if size <= _REMEMBERED_CHARACTERS and size + 1 < len(text) else _read_piece
                content = read(part, follows)
                if content.chains or content.mentioned:
                    yield Piece(offset, content)
            offset += size + 1
            follows = ";"


def _read_piece(text: str, follows: str) -> Content:
    binary = read_binary(text)
    if binary is not None:
        return Content((binary.chain,), binary.used, binary.mentioned)
    if RELATION_HINT.search(text) is None:
        return _make_content((), scan_numbers(text))._replace(is_malformed=is_malformed(text, follows))
    equation = read_equation(text, follows)
    if equation is not None:
        return Content((equation.chain,), equation.used, equation.mentioned)
    chain = read_sentence(text)
    if chain is not None:
        return _make_content((chain,), scan_numbers(text))
    return _read_tokens(tokenize(text), follows)._replace(is_malformed=is_malformed(text, follows))


_recall_piece = lru_cache(maxsize=_REMEMBERED_PIECES)(_read_piece)


def _read_tokens(tokens: list[Token], follows: str) -> Content:
    return _make_content(tuple(settle(chain) for chain in read_chains(tokens, follows)), _read_numbers(tokens))


def _make_content(chains: tuple[Chain, ...], numbers: Iterable[tuple[Number, int]]) -> Content:
    results = {
        side.end
        for chain in chains
        for relation, side in zip(chain.relations, chain.sides[1:], strict=True)
        if side is not None and side.decimals is not None and relation in ("=", "~")
    }
    found = list(numbers)
    used = frozenset([value for value, end in found if end not in results])
    return Content(chains, used, frozenset([value for value, _ in found]))


def scan_numbers(text: str) -> Iterator[tuple[Number, int]]:
    """The numbers of a text without formulas and where each ends; those within a word (`x2`, `1st`) are left out."""
    previous = ""
    previous_end = -2
    for match in _NUMBER.finditer(text):
        digits = match.group()
        if len(digits) > _MAX_NUMBER_CHARACTERS:
            continue
        start, end = match.span()
        if start == previous_end + 1 and len(digits) == 3 and (previous + digits).isdecimal():
            # `17 000`: read as two numbers too, because `5 100` may be two.
            yield int(previous + digits), end
        previous, previous_end = digits, end
        read = read_number(digits)
        if read is not None:
            yield read[0], end
        elif digits.isdecimal():
            yield int(digits), end


def _read_numbers(tokens: list[Token]) -> Iterator[tuple[Number, int]]:
    previous: Token | None = None
    for token in tokens:
        if token.kind != NUMBER:
            continue
        read = read_number(token.text)
        if read is not None:
            yield read[0], token.end
        elif token.text.isdecimal() and len(token.text) <= _MAX_CODE_DIGITS:
            yield int(token.text), token.end
        if previous is not None and previous.end + 1 == token.start and len(token.text) == 3 and token.text.isdecimal():
            joined = read_number(previous.text + token.text)
            if joined is not None:
                yield joined[0], token.end
        previous = token


def _blank(text: str, annotations: tuple[Annotation, ...]) -> str:
    """The text with spaces in place of its annotations."""
    if ">>-" in text:
        text = _SIGNED_ANNOTATION.sub(lambda match: " " * len(match.group()), text)
    parts: list[str] = []
    position = 0
    for annotation in annotations:
        parts += text[position : annotation.start], " " * (annotation.end - annotation.start)
        position = annotation.end
    return "".join((*parts, text[position:]))


def _read_annotations(text: str) -> Iterator[Annotation]:
    for match in _ANNOTATION.finditer(text):
        chains = _recall_piece(match[1], "\n").chains
        chain = chains[0] if len(chains) == 1 else None
        yield Annotation(match.start(), match.end(), chain, _read_shown(text, match.end(), chain))


def _read_shown(text: str, start: int, chain: Chain | None) -> Side | None:
    match = _ANNOTATED_NUMBER.match(text, start)
    if match is None:
        return None
    result = chain.comparisons[-1] if chain is not None else None
    number = read_number(match[1]) if result is not None and match[1][0] not in "-$€£" else None
    if result is not None and number is not None and number[0] == result.right:
        # What stands behind a number that is right needs no reading: it can only be its unit.
        end = 2 + match.end(1) - start
        return make_plain_side(end - len(match[1]), end, Literal(*number), number[0])
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
