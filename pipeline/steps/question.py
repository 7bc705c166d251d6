"""What a question gives: its numbers, and the expression where it is nothing but one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tracewright.pipeline.steps.lexer import NUMBER, WORDS, Token, read_number, tokenize
from tracewright.pipeline.steps.number_words import read_number_words
from tracewright.pipeline.steps.reading import MAX_STEP_CHARACTERS
from tracewright.pipeline.steps.regions import find_regions
from tracewright.pipeline.steps.statements import Side, read_expression
from tracewright.pipeline.steps.values import Number

_MAX_LEAD_IN_WORDS = 8
"""`Work out the exact value of …`: a question with more words is a story, not an expression."""
_REMEMBERED_QUESTIONS = 256


@dataclass(frozen=True, slots=True)
class Question:
    """A question as far as steps are checked against it."""

    text: str
    numbers: frozenset[Number]
    expression: Side | None
    """The expression whose value is asked for; None for a question in words."""

    def text_of(self, side: Side) -> str:
        """The expression as the question writes it."""
        return self.text[side.start : side.end]


@lru_cache(maxsize=_REMEMBERED_QUESTIONS)
def read_question(text: str) -> Question:
    """Read a question; of one longer than the limit only the beginning is read."""
    text = text[:MAX_STEP_CHARACTERS]
    tokens = tokenize(text, find_regions(text))
    numbers = {read[0] for token in tokens if token.kind == NUMBER and (read := read_number(token.text)) is not None}
    words = sum(token.text.count(" ") + 1 for token in tokens if token.kind == WORDS)
    expression = _read_expression(tokens) if words <= _MAX_LEAD_IN_WORDS else None
    return Question(text, frozenset(numbers) | read_number_words(text), expression)


def _read_expression(tokens: list[Token]) -> Side | None:
    side = read_expression(tokens)
    if side is None or not side.is_clean:
        return None
    is_alone = all(side.start <= token.start < side.end for token in tokens if token.kind == NUMBER)
    return side if is_alone else None


_WORDS_ONLY = re.compile(r"[^\W\d_]")


def is_bare_expression(question: Question) -> bool:
    """Whether the question holds nothing but the expression, with no word at all."""
    return question.expression is not None and _WORDS_ONLY.search(question.text) is None
