"""Rows of a file, one at a time, and what is said of those that can't be read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracewright.schemas import InputError, MissingInputError, Rejection, make_id

READ_STAGE = "read"
MAX_KEPT_ROW_CHARACTERS = 2_000


class RowError(ValueError):
    """Why a row, or a part of it, can't be used: one clause for a person."""


@dataclass(frozen=True)
class Place:
    """A row of a file, counted from 1: a line of a text file, a row of a table."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{_printable(self.path)}:{self.number}"


@dataclass(frozen=True)
class Row:
    """A row as it was read: its columns by name, unchecked."""

    place: Place
    values: Mapping[str, Any]
    line: str | None = None
    """The row's text, where the file is text."""

    def as_text(self) -> str:
        """The row as it came, as far as a text can show it."""
        if self.line is not None:
            return self.line
        return json.dumps(self.values, ensure_ascii=False, default=repr)


def reject_row(
    place: Place, reason: str, row: str, *, part: str = "", numbers: Mapping[str, float] | None = None
) -> Rejection:
    """The record of a row (or the named part of one) that is turned away.

    Its id depends on the file's name, the line and what stands there: read again, the row is rejected once.
    """
    kept = row[:MAX_KEPT_ROW_CHARACTERS]
    return Rejection(
        rejection_id=make_id("rejection", READ_STAGE, _printable(Path(place.path.name)), place.number, part, kept),
        stage=READ_STAGE,
        subject=str(place),
        reason=f"{part}: {reason}" if part else reason,
        numbers=dict(numbers or {}),
        row=kept,
        created_at=datetime.now(UTC),
    )


def check_input_file(path: Path) -> None:
    """Refuse what can't be read as a file of rows, before any work is done.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is a folder, can't be opened or holds nothing.
    """
    if not path.exists():
        raise MissingInputError(f"there is no file {_printable(path)}: check the path")
    if path.is_dir():
        raise InputError(f"{_printable(path)} is a folder, expected a file of rows: name a file in it")
    if not path.is_file():
        return  # A pipe can be opened only once, by its reader.
    try:
        with path.open("rb") as file:
            is_empty = not file.peek(1)
    except OSError as error:
        raise InputError(f"{_printable(path)} can't be read: {error.strerror}: check its permissions") from error
    if is_empty:
        raise no_rows(path)


def no_rows(path: Path) -> InputError:
    """The error for a file without a single row."""
    return InputError(f"{_printable(path)} is empty, expected at least one row: was it written completely?")


def counted(rows: Iterator[Row | Rejection], path: Path) -> Iterator[Row | Rejection]:
    """The rows, all of them.

    Raises:
        InputError: at the end, when there was none.
    """
    is_empty = True
    for row in rows:
        is_empty = False
        yield row
    if is_empty:
        raise no_rows(path)


def _printable(path: Path) -> str:
    """The path as text that any encoding can hold, whatever bytes the file system allows in it."""
    return os.fsencode(path).decode(errors="replace")
