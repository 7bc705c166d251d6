"""What a run of letters stands for: a function, a word, a unit, or letters that are multiplied."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.comparison.units import is_unit
from tracewright.pipeline.verify.grammar import vocabulary as known
from tracewright.pipeline.verify.grammar.tokens import Kind, Token

_GLUED = re.compile(r"(arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|log|ln|lg)(pi|[a-z])|(pi)([a-z])")
_NOUN = re.compile(r"[a-z]*[aeiou][a-z]+|[a-z]+[aeiou][a-z]*|[A-Z]{2,}s?|[A-Z]s")
"""What is counted, behind a number and a space: `5 men`, `3 hot wings`, `22 CDs`."""
_MAX_NOUN_LETTERS = 20
_MIN_WORD_LETTERS = 4
"""Shorter runs that are no unit and no function are products: `xy`, `abc`."""


def read_letters(run: str, before: Token | None, spaced: bool) -> list[Token]:
    """The tokens of a run of plain letters that stands after the token `before`."""
    if len(run) == 1:
        return [_single(run, spaced)]
    if run in known.SIGN_WORDS:
        return [Token(Kind.SIGN, known.SIGN_WORDS[run], spaced)]
    if run in known.CONSTANT_WORDS:
        return [Token(Kind.CONSTANT, known.CONSTANT_WORDS[run], spaced)]
    counts = spaced and before is not None and before.kind is Kind.NUMBER
    if counts and len(run) <= _MAX_NOUN_LETTERS and _NOUN.fullmatch(run) and run not in known.FUNCTIONS:
        return [Token(Kind.WORD, run, spaced)]
    function = known.FUNCTION_ALIASES.get(run, run)
    # `min` is a function, and minutes after a number.
    if function in known.FUNCTIONS and not (run == "min" and _after_value(before)):
        return [Token(Kind.FUNCTION, function, spaced)]
    glued = _GLUED.fullmatch(run)
    if glued:
        parts = [part for part in glued.groups() if part]
        return [*read_letters(parts[0], before, spaced), *read_letters(parts[1], None, False)]
    if (
        len(run) >= _MIN_WORD_LETTERS
        or run.lower() in known.FUNCTION_WORDS
        or (_after_value(before) and is_unit(run))
        or _continues_words(before)
    ):
        return [Token(Kind.WORD, run, spaced)]
    return [_single(letter, spaced and not index) for index, letter in enumerate(run)]


def read_text_command(content: str, before: Token | None, spaced: bool) -> list[Token] | None:
    r"""The tokens of `\text{content}` where it holds letters only; None where it is to be read as mathematics."""
    words = content.replace("\\", " ").replace("~", " ").strip(" ,.;:")
    if not words:
        return [Token(Kind.SIGN, ",", spaced)] if "," in content or ";" in content else []
    if words.lower() in ("and", "or", "and so", "or else"):
        return [Token(Kind.SIGN, words.lower()[:3].strip(), spaced)]
    if len(words) == 1 and words.isalpha() and not (_after_value(before) and is_unit(words)):
        return [_single(words, spaced)]
    if words in known.SIGN_WORDS or known.FUNCTION_ALIASES.get(words, words) in known.FUNCTIONS:
        return read_letters(words, before, spaced)
    if re.search(r"[\d+*=<>(){}\[\]^_|]", words):
        return None
    return [Token(Kind.WORD, " ".join(words.split()), spaced)]


def _single(letter: str, spaced: bool) -> Token:
    return Token(Kind.CONSTANT if letter in ("e", "i") else Kind.LETTER, letter, spaced)


def _after_value(before: Token | None) -> bool:
    return before is not None and (before.kind is Kind.NUMBER or before.text in ("}", ")", "$", "€", "£", "/", "π"))


def _continues_words(before: Token | None) -> bool:
    return before is not None and before.kind is Kind.WORD
