"""Whether a Parquet file's pages are as large as its footer says, without unpacking one.

A footer is a promise: `limits` reads it, but what a reader allocates stands in front of each page. Where a file is
read in this process, as a release is, the two are compared first. Encodings that can make more of a page than its
bytes are refused: a release has none.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.decoding.limits import RefusedError

MAX_CHUNKS = 100_000
"""Columns of row groups; a release of 100,000 traces has 6,400."""
MAX_REPEATED_BYTES = 256 * 2**20
"""Of a row group's values that stand in dictionaries, were each the longest there."""
_FREE_REPEATED_BYTES = MAX_REPEATED_BYTES // 64
"""Of a chunk, were each value the whole dictionary: it is unpacked only where that is more."""
MAX_TEXTS = 2_000_000
"""In the dictionaries of a file that are unpacked. 100,000 rows that all have another source have 100,000."""
FREE_VALUES = 10_000_000
"""In a row group: nulls and empty lists, which take no bytes. 500 rows of 500 steps with 15 fields have 3,750,000."""
MAX_VALUES_PER_BYTE = 10
_FREE_PAGES = 64
_MIN_PAGE_BYTES = 4096
"""Of a chunk's data, for each page beyond those: writers begin a new one at a megabyte."""
_MAX_DEPTH = 3
_MAX_INTEGER_BYTES = 10
_DATA, _DICTIONARY = 0, 2
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT = 0, 2, 3, 8, 9
_IN_PROPORTION = (_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT)
_Fields = dict[int, "int | _Fields"]
"""A structure of Thrift by its fields' numbers: whole numbers and structures, the rest is passed over."""


class _Page(NamedTuple):
    kind: int
    data_bytes: int
    stored_bytes: int
    values: int
    encoding: int
    start: int
    """Where its stored bytes begin."""


def check_pages(path: Path, file: pq.ParquetFile) -> None:
    """Refuse a file whose pages do not keep what its footer promises. Takes some 10 µs for each page.

    Args:
        path: the file.
        file: its footer, which `check_sizes` has passed.

    Raises:
        RefusedError: they don't, or more values are in them than their bytes can account for.
    """
    if (chunks := file.num_row_groups * file.metadata.num_columns) > MAX_CHUNKS:
        raise RefusedError(f"{path} has {chunks} columns in all its row groups, at most {MAX_CHUNKS} are read")
    if not chunks:
        return
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        pages = _Pages(path, data)
        for group in range(file.num_row_groups):
            pages.check_group(group, file.metadata.row_group(group))


class _Pages:
    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._texts_left = MAX_TEXTS

    def check_group(self, group: int, rows: pq.RowGroupMetaData) -> None:
        repeated = values = stored = 0
        for chunk in map(rows.column, range(rows.num_columns)):
            try:
                repeated += self._check_chunk(chunk)
            except RefusedError as error:
                name = chunk.path_in_schema[:80]
                raise RefusedError(f"{self._path}: column {name} of row group {group} {error}: not read") from None
            values += chunk.num_values
            stored += chunk.total_compressed_size
        if repeated > MAX_REPEATED_BYTES:
            raise RefusedError(f"{self._path}: row group {group} says long values once for many rows: not read")
        if values > FREE_VALUES + MAX_VALUES_PER_BYTE * stored:
            raise RefusedError(f"{self._path}: row group {group} states {values} values in {stored} bytes: not read")

    def _check_chunk(self, chunk: pq.ColumnChunkMetaData) -> int:
        """The bytes that its repeated values take at most."""
        if chunk.file_path:
            raise RefusedError("lies in another file")
        size = values = repeated = 0
        stated = chunk.total_uncompressed_size
        for pages, page in enumerate(self._read_pages(chunk), 1):
            size += page.data_bytes
            if size > stated or pages > _FREE_PAGES + stated // _MIN_PAGE_BYTES:
                raise RefusedError(f"has {size} bytes or more in {pages} pages, its footer says {stated} bytes")
            if page.kind == _DICTIONARY:
                if pages > 1:
                    raise RefusedError("has a dictionary behind its first page")
                repeated = self._measure_repeated(chunk, page)
            elif page.kind != _DATA or page.encoding not in _IN_PROPORTION or page.values < 0:
                raise RefusedError(f"has a page of kind {page.kind} in encoding {page.encoding}, which none has")
            else:
                values += page.values
        if values != chunk.num_values:
            raise RefusedError(f"has {values} values, its footer says {chunk.num_values}")
        return repeated

    def _read_pages(self, chunk: pq.ColumnChunkMetaData) -> Iterator[_Page]:
        """As a reader comes to them: from the dictionary on, if there is one, through all the chunk's bytes."""
        at = chunk.data_page_offset
        if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < at:
            at = chunk.dictionary_page_offset
        end = at + chunk.total_compressed_size
        if not 0 <= at <= end <= len(self._data):
            raise RefusedError(f"lies at bytes {at} to {end} of {len(self._data)}")
        while at < end:
            try:
                fields, start = _read_struct(self._data, at, 0)
                page = _to_page(fields, start)
            except (IndexError, KeyError, TypeError):
                raise RefusedError(f"has no page that can be read at byte {at}") from None
            if min(page.data_bytes, page.stored_bytes) < 0 or start + page.stored_bytes > end:
                raise RefusedError(f"has a page of {page.stored_bytes} bytes at byte {start} and ends at byte {end}")
            yield page
            at = start + page.stored_bytes

    def _measure_repeated(self, chunk: pq.ColumnChunkMetaData, page: _Page) -> int:
        """The bytes of a chunk's values, were each the longest of its dictionary."""
        most = page.data_bytes * chunk.num_values
        if most <= _FREE_REPEATED_BYTES:
            return most
        if chunk.physical_type != "BYTE_ARRAY":
            return page.data_bytes // max(page.values, 1) * chunk.num_values
        self._texts_left -= page.values
        if page.values < 0 or self._texts_left < 0:
            raise RefusedError(f"has a dictionary of {page.values} texts, at most {MAX_TEXTS} are looked at")
        stored = self._data[page.start : page.start + page.stored_bytes]
        try:
            if chunk.compression != "UNCOMPRESSED":
                stored = pa.decompress(stored, page.data_bytes, codec=chunk.compression.lower(), asbytes=True)
            return _find_longest(stored, page.values) * chunk.num_values
        except (pa.ArrowException, OSError, ValueError, struct.error):
            raise RefusedError("has a dictionary that can't be read") from None


def _to_page(fields: _Fields, start: int) -> _Page:
    """PageHeader of parquet.thrift: what is in the page has a structure of its own, by the page's kind."""
    kind: Any = fields[1]
    own: Any = fields[7 if kind == _DICTIONARY else 5] if kind in (_DATA, _DICTIONARY) else {1: 0, 2: -1}
    data, stored, values, encoding = fields[2], fields[3], own[1], own[2]
    return _Page(kind, data, stored, values, encoding, start)  # pyright: ignore[reportArgumentType]


def _find_longest(texts: bytes, count: int) -> int:
    """Of so many texts as a dictionary has them: each after its length in four bytes."""
    at = longest = 0
    for _ in range(count):
        (length,) = struct.unpack_from("<I", texts, at)
        longest, at = max(longest, length), at + 4 + length
    return longest


def _read_struct(data: mmap.mmap, at: int, depth: int) -> tuple[_Fields, int]:
    """A structure in Thrift's compact protocol, and where it ends.

    Raises:
        IndexError: it has no end, or something that no page header has.
    """
    fields: _Fields = {}
    number = 0
    while head := data[at]:
        at += 1
        kind, step = head & 15, head >> 4
        if step:
            number += step
        else:
            number, at = _read_integer(data, at)
        if kind in (4, 5, 6):
            if (byte := data[at]) < 128:
                fields[number], at = (byte >> 1) ^ -(byte & 1), at + 1
            else:
                fields[number], at = _read_integer(data, at)
        elif kind == 12 and depth < _MAX_DEPTH:
            fields[number], at = _read_struct(data, at, depth + 1)
        elif kind == 8:
            length, at = _read_varint(data, at)
            at += length
        elif kind not in (1, 2):  # yes and no, which are in the kind
            raise IndexError
    return fields, at + 1


def _read_integer(data: mmap.mmap, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _read_varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_MAX_INTEGER_BYTES):
        byte = data[at + place]
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise IndexError
