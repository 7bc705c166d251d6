"""Which rows have been seen: a digest of each, never its text."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

_KEY_BYTES = 12
"""96 bits: a collision among a billion rows has a chance below 1e-11."""
_CONTENT_BYTES = 8
_CONTENT_BITS = 8 * _CONTENT_BYTES
_CONTENT_MASK = (1 << _CONTENT_BITS) - 1


@dataclass(frozen=True)
class Sighting:
    """An earlier row with the same key."""

    number: int
    """Where it stands in the file."""
    same_content: bool


class SeenRows:
    """Remembers keys, each with a digest of what came with it."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}

    def look_up(self, key: str, content: str, number: int) -> Sighting | None:
        """The first row with this key; None, and the row is remembered, where this is the first."""
        row, digest = _digest(key, _KEY_BYTES), _digest(content, _CONTENT_BYTES)
        known = self._rows.get(row)
        if known is None:
            self._rows[row] = number << _CONTENT_BITS | digest
            return None
        return Sighting(known >> _CONTENT_BITS, known & _CONTENT_MASK == digest)


def _digest(text: str, size_bytes: int) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=size_bytes).digest(), "big")
