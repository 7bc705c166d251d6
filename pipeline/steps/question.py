"""What a question gives: its numbers, and the expression where it is nothing but one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tracewright.pipeline.steps.lexer import NUMBER, RELATION, WORDS, Token, read_number, tokenize
from tracewright.pipeline.steps.number_words import read_number_words
from tracewright.pipeline.steps.reading import MAX_STEP_CHARACTERS
from tracewright.pipeline.steps.regions import find_regions
from tracewright.pipeline.steps.statements import Chain, Side, read_chains, read_expressions
from tracewright.pipeline.steps.values import Number

_ASKING = {
    "what", "is", "are", "the", "value", "of", "compute", "calculate", "evaluate", "simplify", "find", "work", "out",
    "determine", "solve", "result", "exact", "exactly", "please", "following", "expression", "step", "by", "to",
    "how", "much", "does", "equal", "answer", "question", "problem", "and", "this", "as", "equals", "sum", "total",
}  # fmt: skip
"""A question with other words asks for something about its expression, not for its value."""
_REMEMBERED_QUESTIONS = 256


@dataclass(frozen=True, slots=True)
class Question:
    """A question as far as steps are checked against it."""

    text: str
    numbers: frozenset[Number]
    expression: Side | None
    """The expression whose value is asked for; None for a question in words."""
    chains: tuple[Chain, ...] = ()
    """What the question states as given."""

    def text_of(self, side: Side) -> str:
        """The expression as the question writes it."""
        return self.text[side.start : side.end]


@lru_cache(maxsize=_REMEMBERED_QUESTIONS)
def read_question(text: str) -> Question:
    """Read a question; of one longer than the limit only the beginning is read."""
    text = text[:MAX_STEP_CHARACTERS]
    tokens = tokenize(text, find_regions(text))
    numbers = {read[0] for token in tokens if token.kind == NUMBER and (read := read_number(token.text)) is not None}
    words = {word for token in tokens if token.kind == WORDS for word in token.text.lower().split(" ")}
    expression = _read_expression(tokens) if words <= _ASKING else None
    chains = tuple(read_chains(tokens, "")) if any(token.kind == RELATION for token in tokens) else ()
    return Question(text, frozenset(numbers) | read_number_words(text), expression, chains)


def _read_expression(tokens: list[Token]) -> Side | None:
    sides = [side for side in read_expressions(tokens) if side.decimals is None and not side.names]
    if len(sides) != 1 or not sides[0].is_clean:
        return None
    side = sides[0]
    is_alone = all(side.start <= token.start < side.end for token in tokens if token.kind == NUMBER)
    return side if is_alone else None
