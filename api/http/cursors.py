"""Keyset cursors: where a page ended, said by the last row itself, so that rows that arrive shift nothing."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from tracewright.api.http.errors import RefusedError


def encode_cursor(*parts: Any) -> str:
    """The parts as an opaque text for a URL."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: tuple[type | tuple[type, ...], ...]) -> list[Any]:
    """The parts again, each of its kind.

    Raises:
        RefusedError: this service made no such cursor.
    """
    try:
        parts = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise _refuse() from error
    if not isinstance(parts, list) or len(parts) != len(kinds):
        raise _refuse()
    for part, kind in zip(parts, kinds, strict=True):
        if not isinstance(part, kind) or (isinstance(part, bool) and kind is not bool):
            raise _refuse()
    return parts


def read_number_cursor(cursor: str | None) -> int | None:
    """The cursor of a list that is ordered by a sequence number alone."""
    if cursor is None:
        return None
    (number,) = decode_cursor(cursor, (int,))
    if not 0 <= number < 2**63:
        raise _refuse()
    return number


def read_name_cursor(cursor: str | None) -> str | None:
    """The cursor of a list that is ordered by a name alone."""
    if cursor is None:
        return None
    (name,) = decode_cursor(cursor, (str,))
    if "\x00" in name:
        raise _refuse()
    return name


def _refuse() -> RefusedError:
    return RefusedError("the cursor is none that this list gave: begin again without one, and send `next` unchanged")
