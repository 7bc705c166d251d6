"""The words of the filter language, and errors that show where they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from tracewright.schemas.errors import InputError

MAX_FILTER_CHARS = 10_000
_SHOWN_CHARS = 60
"""How much of a long line is shown on either side of an error."""

KEYWORDS = frozenset({"and", "or", "not", "in", "between", "is", "null", "true", "false"})


class TokenKind(Enum):
    """What a token is."""

    NAME = auto()
    KEYWORD = auto()
    NUMBER = auto()
    STRING = auto()
    OPERATOR = auto()
    MARK = auto()
    END = auto()


@dataclass(frozen=True)
class Token:
    """A piece of the text: a keyword in lower case, anything else as it stands there."""

    kind: TokenKind
    text: str
    position: int


_PATTERN = re.compile(
    r"""
    (?P<SPACE>\s+)
  | (?P<NUMBER>-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.]))
  | (?P<STRING>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<NAME>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<OPERATOR>(?:==|!=|>=|<=|>|<)(?![=<>]))
  | (?P<MARK>[()\[\],])
    """,
    re.VERBOSE | re.DOTALL,
)
_HINTS = (
    ("===", "write `==` to compare"),
    ("<>", "write `!=` to compare"),
    ("=>", "write `>=` to compare"),
    ("=<", "write `<=` to compare"),
    ("“", "write straight quotes"),
    ("”", "write straight quotes"),
    ("‘", "write straight quotes"),
    ("’", "write straight quotes"),
    ("`", "columns stand without quotes"),
    ("%", "write 80% as 0.8"),
    ("#", "a filter has no comments"),
    ("+", "a filter does not calculate"),
    ("*", "a filter does not calculate"),
    ("/", "a filter does not calculate"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("=", "write `==` to compare"),
    ("&", "write `and`"),
    ("|", "write `or`"),
    ("!", "write `not`, or `!=` to compare"),
    ('"', 'the text that begins here has no closing "'),
    ("'", "the text that begins here has no closing '"),
)


def tokenize(text: str) -> list[Token]:
    """The tokens of a filter, an end token last.

    Raises:
        InputError: the text is too long, or something in it is no token.
    """
    if len(text) > MAX_FILTER_CHARS:
        raise InputError(f"the filter has {len(text):,} characters: a filter has at most {MAX_FILTER_CHARS:,}")
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise point_at(text, position, _explain_unknown(text, position))
        if match.lastgroup != "SPACE":
            tokens.append(_make_token(str(match.lastgroup), match[0], position))
        position = match.end()
    return [*tokens, Token(TokenKind.END, "", len(text))]


def point_at(text: str, position: int, message: str) -> InputError:
    """An error that shows the line with a caret under the place."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    left, right = max(start, position - _SHOWN_CHARS), min(end, position + _SHOWN_CHARS)
    before, after = "…" if left > start else "", "…" if right < end else ""
    shown = (before + text[left:right] + after).replace("\t", " ").replace("\r", " ")
    return InputError(f"{message}\n  {shown}\n  {' ' * (len(before) + position - left)}^")


def _make_token(group: str, word: str, position: int) -> Token:
    if group == "NAME" and word.lower() in KEYWORDS:
        return Token(TokenKind.KEYWORD, word.lower(), position)
    return Token(TokenKind[group], word, position)


def _explain_unknown(text: str, position: int) -> str:
    for sign, hint in _HINTS:
        if text.startswith(sign, position):
            return f"the filter can't be read at {sign}: {hint}"
    if text[position].isdigit() or text[position] in "-.":
        return "the filter has a number that can't be read: write it as 100, 0.8 or 1e-3"
    return f"the filter has a character that means nothing in it, {text[position]!r}: texts stand in quotes"
