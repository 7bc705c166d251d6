"""Thrift's compact protocol, as far as Parquet's footers and page headers need it.

A library that fills in classes takes what a hostile file says for granted: it makes room for a list of a million before
it has seen one, and throws where nobody catches.
"""

from __future__ import annotations

from typing import Any

_I16, I32, I64, BINARY, LIST, STRUCT = 4, 5, 6, 8, 9, 12
_BYTE, _DOUBLE = 3, 7
_BOOLEANS, _NUMBERS = (1, 2), (_I16, I32, I64)
_MAX_DEPTH = 12
_MAX_VARINT_BITS = 70
_LONG_LIST = 15

Struct = dict[int, Any]
"""By `field(number, kind)`: whole numbers, bytes, structures and lists of them. What has another kind than a reader
looks for is not there for it, as Thrift has it; of two with one number and kind the last one counts."""


def field(number: int, kind: int) -> int:
    """The key of a structure's field."""
    return number << 4 | kind


class ThriftReader:
    """Reads structures out of bytes that nobody has checked.

    Every method raises IndexError where the bytes end too early, or say what Parquet never does.
    """

    def __init__(self, data: Any, max_fields: int) -> None:
        """`data`: bytes, or a map of a file. `max_fields`: in all that is read, before it is given up."""
        self._data = data
        self._left = max_fields

    def read_struct(self, at: int, depth: int = 0, *, until: int = -1) -> tuple[Struct, int]:
        """The structure at a place, and where it ends; or no more of it than to the field of a number."""
        # Short numbers and texts are read in here: a footer has hundreds of thousands, and a call takes as long.
        data, found, number, left = self._data, Struct(), 0, self._left
        if depth > _MAX_DEPTH:
            raise IndexError
        while head := data[at]:
            at += 1
            left -= 1
            kind = head & 15
            if head > 15:
                number += head >> 4
            else:
                number, at = self._read_integer(at)
            if kind in _NUMBERS:
                byte = data[at]
                if byte < 128:
                    found[number << 4 | kind], at = (byte >> 1) ^ -(byte & 1), at + 1
                elif (high := data[at + 1]) < 128:
                    byte += (high - 1) << 7
                    found[number << 4 | kind], at = (byte >> 1) ^ -(byte & 1), at + 2
                else:
                    found[number << 4 | kind], at = self._read_integer(at)
            elif kind == BINARY:
                found[number << 4 | kind], at = self._read_binary(at)
            elif kind not in _BOOLEANS:  # whose value is their kind
                self._left = left
                found[number << 4 | kind], at = self._read_other(kind, at, depth)
                left = self._left
            if left < 0:
                raise IndexError
            if number == until:
                break
        self._left = left
        return found, at + 1

    def _read_other(self, kind: int, at: int, depth: int) -> tuple[Any, int]:
        if kind == STRUCT:
            return self.read_struct(at, depth + 1)
        if kind == LIST:
            return self._read_list(at, depth)
        if kind in (_BYTE, _DOUBLE):
            return None, at + (1 if kind == _BYTE else 8)
        raise IndexError

    def _read_list(self, at: int, depth: int) -> tuple[list[Any], int]:
        head = self._data[at]
        size, kind, at = head >> 4, head & 15, at + 1
        if size == _LONG_LIST:
            size, at = self._read_varint(at)
        self._left -= size
        if size > len(self._data) - at or self._left < 0:
            raise IndexError
        found: list[Any] = []
        for _ in range(size):
            if kind == BINARY:
                value, at = self._read_binary(at)
            elif kind in _NUMBERS:
                value, at = self._read_integer(at)
            elif kind in _BOOLEANS:
                value, at = None, at + 1
            else:
                value, at = self._read_other(kind, at, depth)
            found.append(value)
        return found, at

    def _read_binary(self, at: int) -> tuple[bytes, int]:
        data = self._data
        length, at = data[at], at + 1
        if length > 127:
            length, at = self._read_varint(at - 1)
        if length > len(data) - at:
            raise IndexError
        return data[at : at + length], at + length

    def _read_integer(self, at: int) -> tuple[int, int]:
        value, at = self._read_varint(at)
        return (value >> 1) ^ -(value & 1), at

    def _read_varint(self, at: int) -> tuple[int, int]:
        data, value, shift = self._data, 0, 0
        while shift < _MAX_VARINT_BITS:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
            shift += 7
        raise IndexError
