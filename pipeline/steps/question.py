"""What a question gives: its numbers, and the expression where it is nothing but one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tracewright.pipeline.steps.arithmetic import read_expression
from tracewright.pipeline.steps.chains import Chain, Side
from tracewright.pipeline.steps.lexer import NUMBER, WORDS, Token, read_number, tokenize
from tracewright.pipeline.steps.number_words import read_number_words
from tracewright.pipeline.steps.reading import MAX_STEP_CHARACTERS, RELATION_HINT, scan_numbers
from tracewright.pipeline.steps.regions import find_regions
from tracewright.pipeline.steps.statements import read_chains, read_expressions
from tracewright.pipeline.steps.values import Number

_ASKING = {
    "what", "is", "are", "the", "value", "of", "compute", "calculate", "evaluate", "simplify", "find", "work", "out",
    "determine", "solve", "result", "exact", "exactly", "please", "following", "expression", "step", "by", "to",
    "how", "much", "does", "equal", "answer", "question", "problem", "and", "this", "as", "equals", "sum", "total",
}  # fmt: skip
"""A question with other words asks for something about its expression, not for its value."""
_EXPRESSION_WORDS = frozenset({*_ASKING, "times", "multiplied", "plus", "minus", "divided", "mod"})
_MAX_EXPRESSION_SPACES = 120
_LONG_WORDS = re.compile(r"(?<![A-Za-z’'])(?:[A-Za-z’']{2,}[ ,.]+){9}")
_WORD = re.compile(r"(?<![\w’'-])[A-Za-z]{2,}(?![\w’'-])")
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
    is_plain: bool = False
    """Whether the question is nothing but its expression: its solution is then worked line by line."""

    def text_of(self, side: Side) -> str:
        """The expression as the question writes it."""
        return self.text[side.start : side.end]


def read_question(text: str) -> Question:
    """Read a question; of one longer than the limit only the beginning is read."""
    return _read_question(text[:MAX_STEP_CHARACTERS])


@lru_cache(maxsize=_REMEMBERED_QUESTIONS)
def _read_question(text: str) -> Question:
    plain = read_expression(text)
    if plain is not None:
        return Question(text, frozenset(number for number, _ in scan_numbers(text)), plain, is_plain=True)
    regions = find_regions(text)
    has_relation = RELATION_HINT.search(text) is not None
    if not (regions or has_relation or _may_be_expression(text)):
        return Question(text, frozenset(number for number, _ in scan_numbers(text)) | read_number_words(text), None)
    tokens = tokenize(text, regions)
    numbers = {read[0] for token in tokens if token.kind == NUMBER and (read := read_number(token.text)) is not None}
    words = {word for token in tokens if token.kind == WORDS for word in token.text.lower().split(" ")}
    expression = _read_expression(tokens) if words <= _ASKING else None
    chains = tuple(read_chains(tokens, "")) if has_relation or regions else ()
    return Question(text, frozenset(numbers) | read_number_words(text), expression, chains)


def _may_be_expression(text: str) -> bool:
    """Whether the text may be an expression with a few words around it, and with no others than those that ask."""
    if text.count(" ") >= _MAX_EXPRESSION_SPACES or _LONG_WORDS.search(text):
        return False
    return "\\" in text or _EXPRESSION_WORDS.issuperset(map(str.lower, _WORD.findall(text)))


def _read_expression(tokens: list[Token]) -> Side | None:
    sides = [side for side in read_expressions(tokens) if side.decimals is None and not side.names]
    if len(sides) != 1 or not sides[0].is_clean:
        return None
    side = sides[0]
    is_alone = all(side.start <= token.start < side.end for token in tokens if token.kind == NUMBER)
    return side if is_alone else None
