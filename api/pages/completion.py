"""What can stand at a place of a filter that is being typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracewright.api.pages.facet_views import MAIN_FACETS
from tracewright.api.traces.facets import FACET_COLUMNS
from tracewright.api.traces.frame import Frame
from tracewright.pipeline.filter import COLUMNS, Column, ColumnKind
from tracewright.pipeline.filter.literals import print_value
from tracewright.pipeline.filter.tokens import Token, TokenKind, tokenize
from tracewright.schemas.errors import InputError

MAX_SUGGESTIONS = 12
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_OPEN_TEXT = re.compile(r"""(?:"[^"]*|'[^']*)$""")
_ORDERED = (ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.TIME)


@dataclass(frozen=True)
class Suggestion:
    """A text to put in place of what is typed from `start` on."""

    text: str
    start: int
    meaning: str = ""


def complete(text: str, at: int, frame: Frame) -> list[Suggestion]:
    """What can follow the text before `at`, the likeliest first."""
    typed = text[:at]
    start = _begin_of_word(typed)
    word = typed[start:].lower().lstrip("\"'")
    options = _list_options(typed[:start], frame)
    fitting = [one for one in options if word in one[0].lower()]
    fitting.sort(key=lambda one: not one[0].lower().lstrip('"').startswith(word))
    return [Suggestion(option, start, meaning) for option, meaning in fitting[:MAX_SUGGESTIONS]]


def _begin_of_word(typed: str) -> int:
    is_in_text = typed.count('"') % 2 or typed.count("'") % 2
    found = (_OPEN_TEXT if is_in_text else _WORD).search(typed)
    return found.start() if found else len(typed)


def _list_options(before: str, frame: Frame) -> Iterable[tuple[str, str]]:
    try:
        tokens = tokenize(before)[:-1]
    except InputError:
        return []
    last = tokens[-1] if tokens else None
    column = _find_column(tokens)
    if last is None or last.text in ("(", "or", "not") or (last.text == "and" and not _is_between(tokens)):
        names = dict.fromkeys([*MAIN_FACETS, *COLUMNS])
        return [(name, COLUMNS[name].meaning) for name in names] + [("not", "the opposite")]
    if last.kind is TokenKind.NAME and column is not None:
        return _list_tests(column)
    if (last.kind is TokenKind.OPERATOR or last.text in ("[", ",")) and column is not None:
        return [(print_value(value), "") for value in _list_values(column, frame)]
    if last.text == "in":
        return [("[", "a list of values")]
    if last.text == "is":
        return [("null", "there is no value"), ("not null", "there is a value")]
    if last.kind in (TokenKind.NUMBER, TokenKind.STRING) or last.text in (")", "]", "null", "true", "false"):
        return [("and", "both hold"), ("or", "one of them holds")]
    return []


def _find_column(tokens: list[Token]) -> Column | None:
    names = [token.text for token in tokens if token.kind is TokenKind.NAME]
    return COLUMNS.get(names[-1]) if names else None


def _is_between(tokens: list[Token]) -> bool:
    """Whether a last `and` belongs to `between`."""
    return any(token.text == "between" for token in tokens[-3:])


def _list_tests(column: Column) -> list[tuple[str, str]]:
    if column.kind is ColumnKind.BOOLEAN:
        return [("and", "it is true, and …"), ("or", "it is true, or …")]
    ordered = [(">=", "at least"), ("<", "below"), ("between", "from … to …")] if column.kind in _ORDERED else []
    return [("==", "equal"), *ordered, ("!=", "different"), ("in [", "one of"), ("is null", "no value")]


def _list_values(column: Column, frame: Frame) -> list[str | bool]:
    if column.values:
        return list(column.values)
    if column.kind is ColumnKind.BOOLEAN:
        return [True, False]
    if column.kind is ColumnKind.TEXT and column.name in FACET_COLUMNS:
        (facet,) = frame.facets((column.name,), None)
        return [one["value"] for one in facet["values"]]
    return []
