"""The values that a filter compares columns with: how they are written, read and checked against a column."""

from __future__ import annotations

import difflib
import json
import math
import re
from datetime import UTC, datetime

from tracewright.pipeline.filter.columns import COLUMNS, Column, ColumnKind
from tracewright.schemas.errors import InputError

Value = str | int | float | bool

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_INT64_END = 2**63
_INT64_DIGITS = 19
_NEAR = 0.6
"""How alike a name must be to be suggested, from 0 to 1."""
_SHOWN_CHARS = 60
"""Of what was written, in a message."""
_ALIKE_LETTERS = 2
"""With which two words begin alike: `id`, `conf`, `steps`."""


def find_column(name: str) -> Column:
    """The column of that name.

    Raises:
        InputError: there is none; the message names the nearest and its type.
    """
    if (column := COLUMNS.get(name)) is not None:
        return column
    if (near := _find_near(name)) is not None:
        raise InputError(f"there is no column `{_cut(name)}`: did you mean `{near.name}` ({near.kind})?")
    raise InputError(f"there is no column `{_cut(name)}`: there are {', '.join(COLUMNS)}")


def find_holder(name: str) -> Column | None:
    """The column that has this as one of its few values: `correct` is an outcome."""
    return next((column for column in COLUMNS.values() if name in column.values), None)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _find_near(name: str) -> Column | None:
    """The column of the nearest name, or that is stored under this one, or whose name has words that begin alike."""
    name = name.lower()
    stored = {column.source.rpartition(".")[2]: column for column in COLUMNS.values() if column.source}
    if (column := stored.get(name.rpartition(".")[2])) is not None:
        return column
    if near := difflib.get_close_matches(name, COLUMNS, n=1, cutoff=_NEAR):
        return COLUMNS[near[0]]
    alike = {known: _count_alike(name, known) for known in COLUMNS}
    best = max(alike, key=lambda known: (alike[known], -len(known)))
    return COLUMNS[best] if alike[best] else None


def _count_alike(name: str, known: str) -> int:
    """How many words of a name begin as a word of the other does."""
    words = known.split("_")
    return sum(any(_is_alike(word, other) for other in words) for word in re.split(r"[_.]", name))


def _is_alike(word: str, other: str) -> bool:
    short, long = sorted((word.rstrip("s"), other.rstrip("s")), key=len)
    return len(short) >= _ALIKE_LETTERS and long.startswith(short)


def check_value(column: Column, value: Value) -> None:
    """Refuse a value of another type than the column's.

    Raises:
        InputError: it names the column's type, and the nearest of its values where it has only a few.
    """
    expected = _EXPECTED[column.kind]
    if not _fits(column.kind, value):
        raise InputError(f"`{column.name}` is {_with_article(column.kind)}, not {_cut(print_value(value))}: {expected}")
    if column.values and value not in column.values:
        near = difflib.get_close_matches(str(value).lower(), column.values, n=1, cutoff=_NEAR)
        known = ", ".join(f'"{known}"' for known in column.values)
        hint = f'did you mean "{near[0]}"? It' if near else "it"
        raise InputError(f"`{column.name}` is never {_cut(print_value(value))}: {hint} is one of {known}")


def check_order(column: Column) -> None:
    """Refuse an order where there is none: of texts and of booleans.

    Raises:
        InputError: the column has no order.
    """
    if column.kind in (ColumnKind.TEXT, ColumnKind.BOOLEAN):
        raise InputError(f"`{column.name}` is {_with_article(column.kind)}: compare it with ==, != or in")


def print_value(value: Value) -> str:
    """The value as the language writes it: reading it gives the same value back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def read_string(literal: str) -> str:
    """The text between the quotes, escapes resolved as in JSON.

    Raises:
        InputError: an escape is unknown, or it makes half a character.
    """
    text = _ESCAPE.sub(_resolve_escape, literal[1:-1])
    try:
        # Two escapes may be the halves of one character, as JSON writes those beyond U+FFFF.
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise InputError(f"{literal} holds half a character (a lone surrogate): write both halves") from None


def read_number(literal: str) -> int | float:
    """The number; whole ones stay whole.

    Raises:
        InputError: it does not fit into 64 bits.
    """
    number = float(literal) if set(literal) & set(".eE") else _read_whole(literal)
    if isinstance(number, float) and math.isinf(number):
        raise InputError(f"{_cut(literal)} is too large: numbers go up to about 1.8e308")
    return number


def is_int64(number: int) -> bool:
    """Whether an integer column can hold the number."""
    return -_INT64_END <= number < _INT64_END


def read_time(value: str) -> datetime:
    """The moment; one without a zone is in UTC.

    Raises:
        ValueError: it is not in ISO 8601.
    """
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_EXPECTED = {
    ColumnKind.TEXT: 'compare it with a text in quotes, such as "algebra"',
    ColumnKind.INTEGER: "compare it with a number, such as 100",
    ColumnKind.NUMBER: "compare it with a number, such as 0.8",
    ColumnKind.BOOLEAN: "compare it with true or false, or write its name alone",
    ColumnKind.TIME: 'compare it with a time in quotes, such as "2026-01-31" or "2026-01-31T12:00:00Z"',
}


def _fits(kind: ColumnKind, value: Value) -> bool:
    if kind is ColumnKind.BOOLEAN or isinstance(value, bool):
        return kind is ColumnKind.BOOLEAN and isinstance(value, bool)
    if kind is ColumnKind.TIME:
        return isinstance(value, str) and _is_time(value)
    return isinstance(value, str) == (kind is ColumnKind.TEXT)


def _is_time(value: str) -> bool:
    try:
        read_time(value)
    except (ValueError, OverflowError):
        return False
    return True


def _read_whole(literal: str) -> int:
    # Python refuses, with an error of its own, to read thousands of digits.
    digits = literal.lstrip("-0") or "0"
    number = int(digits) * (-1 if literal[0] == "-" else 1) if len(digits) <= _INT64_DIGITS else _INT64_END
    if not is_int64(number):
        raise InputError(f"{_cut(literal)} is too large: whole numbers have at most 64 bits")
    return number


def _with_article(kind: ColumnKind) -> str:
    if kind is ColumnKind.INTEGER:
        return "an integer"
    return f"a {kind}" if kind in (ColumnKind.NUMBER, ColumnKind.TIME) else str(kind)


def _resolve_escape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    if code not in _ESCAPES:
        raise InputError(f"a text has the unknown escape \\{code}: write \\\\ for a backslash")
    return _ESCAPES[code]
