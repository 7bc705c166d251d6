"""JSONL, line by line, for files nobody has checked: a line that can't be read is a rejection, and the rest goes on.

A byte order mark, Windows line ends and blank lines do no harm. A line longer than the limit is skipped unread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from tracewright.pipeline.sources.rows import MAX_KEPT_ROW_CHARACTERS, Place, Row, RowError, reject_row
from tracewright.schemas import Rejection

MAX_LINE_BYTES = 16 * 1024 * 1024
_SKIPPED_AT_ONCE_BYTES = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_INTEGER_CHARACTERS = 18


class NumberText(str):
    """A number of a JSON text as it was written: `0.10` and 30 digits stay what they are."""

    __slots__ = ()


def read_jsonl(path: Path) -> Iterator[Row | Rejection]:
    """Every line that is not blank, in order, as a row or a rejection. Holds one line at a time.

    Integers of up to 18 characters are `int`; all other numbers are `NumberText`.
    """
    with path.open("rb") as file:
        for number, line, size_bytes in _lines(file):
            place = Place(path, number)
            if size_bytes > MAX_LINE_BYTES:
                reason = f"the line has {size_bytes} bytes, expected at most {MAX_LINE_BYTES}"
                yield reject_row(place, reason, _decode_loosely(line), numbers={"bytes": size_bytes})
            elif line.strip():
                yield _read_line(place, line)


def count_lines(path: Path) -> int:
    """How many lines are not blank."""
    with path.open("rb") as file:
        return sum(1 for _, line, size_bytes in _lines(file) if size_bytes > MAX_LINE_BYTES or line.strip())


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Number, bytes and size (without its end) of each line; of one over the limit, only its beginning."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        size_bytes = len(line.removesuffix(b"\n"))
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if size_bytes > MAX_LINE_BYTES and not line.endswith(b"\n"):
            size_bytes += _skip_line(file)
        yield number, line, size_bytes


def _skip_line(file: BinaryIO) -> int:
    size_bytes = 0
    while rest := file.readline(_SKIPPED_AT_ONCE_BYTES):
        size_bytes += len(rest)
        if rest.endswith(b"\n"):
            break
    return size_bytes


def _read_line(place: Place, line: bytes) -> Row | Rejection:
    try:
        text = line.decode().strip()
        return Row(place, _parse_object(text), text)
    except UnicodeDecodeError as error:
        reason = f"byte {error.start + 1} of the line is not UTF-8 (0x{line[error.start]:02x})"
        return reject_row(place, reason, _decode_loosely(line))
    except RowError as error:
        return reject_row(place, str(error), _decode_loosely(line))


def _parse_object(text: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RowError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise RowError("not a row: its values are nested too deeply to be read") from error
    if not isinstance(value, dict):
        raise RowError(f"a JSON {_JSON_NAMES.get(type(value), 'value')}, expected an object with named values")
    return value


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise RowError(f"{repeated[:40]!a} is given twice in one object")
    return values


def _build_integer(text: str) -> int | NumberText:
    return int(text) if len(text) <= _MAX_INTEGER_CHARACTERS else NumberText(text)


def _refuse_constant(name: str) -> NoReturn:
    raise RowError(f"not JSON: {name} is no JSON number")


def _decode_loosely(line: bytes) -> str:
    # No character has more than 4 bytes.
    return line[: 4 * MAX_KEPT_ROW_CHARACTERS].decode(errors="replace").strip()


_JSON_NAMES: dict[type, str] = {list: "list", str: "text", int: "number", NumberText: "number", bool: "true or false"}
_DECODER = json.JSONDecoder(
    object_pairs_hook=_build_object,
    parse_float=NumberText,
    parse_int=_build_integer,
    parse_constant=_refuse_constant,
)
