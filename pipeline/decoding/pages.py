"""Whether a Parquet file's pages are as large as its footer says, without unpacking one.

A footer is a promise: what a reader allocates stands in front of each page. Where a file is read in this process, as a
release is, the two are compared first. Encodings that can make more of a page than its bytes are refused: a release has
none. What takes no bytes at all, nulls and values that stand in a dictionary once, is counted.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from tracewright.pipeline.decoding.footer import Chunk, Footer, map_file, read_footer
from tracewright.pipeline.decoding.limits import EXPANSION_FREE_BYTES, MAX_EXPANSION, RefusedError
from tracewright.pipeline.decoding.thrift import I32, STRUCT, ThriftReader, field

MAX_SPREAD = 80
"""Bytes of values that take none, for each byte in the file."""
_VALUE_BYTES, _LEVEL_BYTES = 8, 4
"""That a value takes when it is read, and what each level of lists around it adds."""
_FREE_REPEATED_BYTES = 2**22
"""Of a chunk, were each value the whole dictionary: it is unpacked only where that is more."""
MAX_TEXTS = 2_000_000
"""In the dictionaries of a file that are unpacked. 100,000 rows that all have another source have 100,000."""
_MAX_PAGE_FIELDS = 100
_FREE_PAGES = 8
_MIN_PAGE_BYTES = 4096
"""Of a chunk's data, for each page beyond those: writers begin a new one at a megabyte."""
_BYTE_ARRAY, _FIXED_LEN_BYTE_ARRAY = 6, 7
_DATA, _DICTIONARY = 0, 2
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT = 0, 2, 3, 8, 9
_IN_PROPORTION = (_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY, _BYTE_STREAM_SPLIT)
_CODECS = ("uncompressed", "snappy", "gzip", "", "brotli", "", "zstd", "lz4_raw")
"""By Parquet's numbers; those without a name are not read."""


class _Page(NamedTuple):
    kind: int
    data_bytes: int
    stored_bytes: int
    values: int
    encoding: int
    start: int
    """Where its stored bytes begin."""


class Checked(NamedTuple):
    """A file that keeps what its footer promises."""

    footer: Footer
    excess_bytes: int
    """That it takes beyond what is in proportion to its size: little, but several files add up."""


def check_file(path: Path) -> Checked:
    """Refuse a file whose pages do not keep what its footer promises, or that takes far more memory than it has bytes.

    Takes some 20 µs for each page, and not much memory.

    Raises:
        RefusedError: it is one.
    """
    footer = read_footer(path)
    chunks = [(number, chunk) for number, group in enumerate(footer.groups) for chunk in group.chunks]
    stored = sum(chunk.stored_bytes for _, chunk in chunks)
    excess = max(0, sum(chunk.data_bytes for _, chunk in chunks) - MAX_EXPANSION * stored)
    check_excess(path, excess)
    with map_file(path) as data:
        pages = _Pages(data)
        spread = 0
        for number, chunk in chunks:
            try:
                spread += pages.measure(chunk)
            except RefusedError as error:
                name = chunk.leaf.path[:80]
                raise RefusedError(f"{path}: column {name} of row group {number} {error}: not read") from None
    excess += max(0, spread - MAX_SPREAD * stored)
    check_excess(path, excess)
    return Checked(footer, excess)


def check_excess(path: Path, excess_bytes: int) -> None:
    """Refuse what takes too much memory beyond the proportion to its size.

    Raises:
        RefusedError: it does.
    """
    if excess_bytes > EXPANSION_FREE_BYTES:
        raise RefusedError(
            f"{path} takes {excess_bytes} bytes of memory more than is in proportion to its size, expected at most "
            f"{EXPANSION_FREE_BYTES}: it says values once, or not at all, for many rows: not read"
        )


class _Pages:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._texts_left = MAX_TEXTS

    def measure(self, chunk: Chunk) -> int:
        """The bytes that its values take at most beyond those in its pages."""
        size = values = repeated = 0
        stated = chunk.data_bytes
        most = _FREE_PAGES + stated // _MIN_PAGE_BYTES
        for pages, page in enumerate(self._read_pages(chunk), 1):
            size += page.data_bytes
            if size > stated or pages > most:
                raise RefusedError(f"has {size} bytes or more in {pages} pages, its footer says {stated} bytes")
            if page.kind == _DICTIONARY:
                if pages > 1:
                    raise RefusedError("has a dictionary behind its first page")
                repeated = self._measure_repeated(chunk, page)
            elif page.kind != _DATA or page.encoding not in _IN_PROPORTION or page.values < 0:
                raise RefusedError(f"has a page of kind {page.kind} in encoding {page.encoding}, which none has")
            else:
                values += page.values
        if values != chunk.values:
            raise RefusedError(f"has {values} values, its footer says {chunk.values}")
        leaf = chunk.leaf
        width = leaf.width if leaf.kind == _FIXED_LEN_BYTE_ARRAY else 0
        return repeated + values * (max(width, _VALUE_BYTES) + _LEVEL_BYTES * leaf.max_repetition)

    def _read_pages(self, chunk: Chunk) -> Iterator[_Page]:
        """As a reader comes to them: from the dictionary on, if there is one, through all the chunk's bytes."""
        at, end = chunk.start, chunk.start + chunk.stored_bytes
        while at < end:
            try:
                fields, start = ThriftReader(self._data, _MAX_PAGE_FIELDS).read_struct(at)
                page = _to_page(fields, start)
            except (IndexError, KeyError, TypeError):
                raise RefusedError(f"has no page that can be read at byte {at}") from None
            if min(page.data_bytes, page.stored_bytes) < 0 or start + page.stored_bytes > end:
                raise RefusedError(f"has a page of {page.stored_bytes} bytes at byte {start} and ends at byte {end}")
            yield page
            at = start + page.stored_bytes

    def _measure_repeated(self, chunk: Chunk, page: _Page) -> int:
        """The bytes of a chunk's values, were each the longest of its dictionary."""
        most = page.data_bytes * chunk.values
        if most <= _FREE_REPEATED_BYTES:
            return most
        if chunk.leaf.kind != _BYTE_ARRAY:
            return page.data_bytes // max(page.values, 1) * chunk.values
        self._texts_left -= page.values
        if page.values < 0 or self._texts_left < 0 or page.data_bytes > chunk.data_bytes:
            raise RefusedError(f"has a dictionary of {page.values} texts, at most {MAX_TEXTS} are looked at")
        stored = self._data[page.start : page.start + page.stored_bytes]
        try:
            codec = _CODECS[chunk.codec]
            if codec != "uncompressed":  # Arrow refuses one without a name
                stored = pa.decompress(stored, page.data_bytes, codec=codec, asbytes=True)
            return _find_longest(stored, page.values) * chunk.values
        except (pa.ArrowException, OSError, ValueError, IndexError, struct.error):
            raise RefusedError("has a dictionary that can't be read") from None


def _to_page(fields: dict[int, Any], start: int) -> _Page:
    """PageHeader of parquet.thrift: what is in the page has a structure of its own, by the page's kind."""
    kind = fields[field(1, I32)]
    values, encoding = 0, -1
    if kind in (_DATA, _DICTIONARY):
        own = fields[field(7 if kind == _DICTIONARY else 5, STRUCT)]
        values, encoding = own[field(1, I32)], own[field(2, I32)]
    return _Page(kind, fields[field(2, I32)], fields[field(3, I32)], values, encoding, start)


def _find_longest(texts: bytes, count: int) -> int:
    """Of so many texts as a dictionary has them: each after its length in four bytes."""
    at = longest = 0
    for _ in range(count):
        (length,) = struct.unpack_from("<I", texts, at)
        longest, at = max(longest, length), at + 4 + length
    return longest
