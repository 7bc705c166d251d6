"""A Parquet file's footer, read without Parquet's own reader, which some that are made to harm end with its process."""

from __future__ import annotations

import mmap
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.decoding.limits import MAX_NESTING, RefusedError, check_footer_size
from tracewright.pipeline.decoding.thrift import BINARY, I32, I64, LIST, STRUCT, Struct, ThriftReader, field

MAX_FIELDS = 3_000_000
"""Of Thrift, in a footer; each takes a third of a microsecond. One of 100,000 rows has 400,000."""
MAX_LEAVES = 1_000
MAX_ARROW_SCHEMA_BYTES = 2**18
"""Arrow's own note of the schema; its tables may point at each other, and grow when they are read."""
_TAIL = 8
_MAGIC = b"PAR1"
_ARROW_SCHEMA = b"ARROW:schema"
_REPEATED, _REQUIRED = 2, 0


@dataclass(frozen=True)
class Leaf:
    """A column that has values."""

    path: str
    kind: int
    """Parquet's physical type: `BYTE_ARRAY`, `FIXED_LEN_BYTE_ARRAY` or another."""
    width: int
    """Bytes of a value of fixed length, 0 where it has none or the kind says it."""
    max_repetition: int
    max_definition: int


@dataclass(frozen=True)
class Chunk:
    """A leaf's values in a row group."""

    leaf: Leaf
    start: int
    """The first page's place in the file."""
    stored_bytes: int
    data_bytes: int
    """Unpacked."""
    values: int
    codec: int


@dataclass(frozen=True)
class Group:
    """A row group."""

    rows: int
    chunks: Sequence[Chunk]


@dataclass(frozen=True)
class Footer:
    """What a file says of itself."""

    rows: int
    leaves: Sequence[Leaf]
    groups: Sequence[Group]


@contextmanager
def map_file(path: Path) -> Generator[mmap.mmap]:
    """The file's bytes.

    Raises:
        RefusedError: it has none.
    """
    with path.open("rb") as opened:
        if not path.stat().st_size:
            raise RefusedError("is empty")
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def read_footer(path: Path) -> Footer:
    """Read the footer and see whether its parts fit each other: leaves, row groups, rows, and places in the file.

    Raises:
        RefusedError: they don't, or there is no footer, or one of more than is read.
    """
    raw = _read_bytes(path)
    try:
        found, _ = ThriftReader(raw, MAX_FIELDS).read_struct(0)
        if field(8, STRUCT) in found or field(9, BINARY) in found:
            raise RefusedError(f"{path} is encrypted: not read")
        _check_notes(path, found)
        leaves = _list_leaves(found[field(2, LIST)])
        groups = [_read_group(one, leaves) for one in found[field(4, LIST)]]
        rows = found[field(3, I64)]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        why = f" ({error})" if isinstance(error, ValueError) and str(error) else ""
        raise RefusedError(f"{path} has a footer whose parts do not fit each other{why}: not read") from None
    footer = Footer(rows, leaves, groups)
    if rows < 0 or sum(group.rows for group in groups) != rows:
        raise RefusedError(f"{path} states {rows} rows, its row groups {sum(group.rows for group in groups)}: not read")
    _check_places(path, groups)
    return footer


def count_rows(path: Path) -> int:
    """How many rows a file states; of its footer no more is read than that.

    Raises:
        RefusedError: it is no Parquet file.
    """
    try:
        found, _ = ThriftReader(_read_bytes(path), MAX_FIELDS).read_struct(0, until=3)
        return found[field(3, I64)]
    except (IndexError, KeyError):
        raise RefusedError(f"{path} is not a Parquet file that can be read: its footer makes no sense") from None


def open_by_parquet_types(path: Path) -> pq.ParquetFile:
    """A file that was checked, without what Arrow noted of its schema: a list stays a list, of whatever length.

    Arrow's note may say that a list has a million places each time, which takes that much for every null.
    """
    raw = _read_bytes(path).replace(_ARROW_SCHEMA, b"\0" * len(_ARROW_SCHEMA))
    whole = _MAGIC + raw + len(raw).to_bytes(4, "little") + _MAGIC
    metadata = pq.read_metadata(pa.BufferReader(whole))
    return pq.ParquetFile(path, metadata=metadata, memory_map=True, arrow_extensions_enabled=False)


def _read_bytes(path: Path) -> bytes:
    check_footer_size(path)
    with path.open("rb") as opened:
        size = path.stat().st_size
        opened.seek(max(size - _TAIL, 0))
        tail = opened.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or length + _TAIL > size:
            raise RefusedError(f"{path} is not a Parquet file that can be read: it has no footer at its end")
        opened.seek(size - _TAIL - length)
        return opened.read(length)


def _check_notes(path: Path, found: Struct) -> None:
    notes = found.get(field(5, LIST), [])
    size = sum(len(note.get(field(2, BINARY), b"")) for note in notes if note.get(field(1, BINARY)) == _ARROW_SCHEMA)
    if size > MAX_ARROW_SCHEMA_BYTES:
        raise RefusedError(f"{path} has a schema of {size} bytes, expected at most {MAX_ARROW_SCHEMA_BYTES}: not read")


def _list_leaves(elements: Sequence[Struct]) -> list[Leaf]:
    """The tree's leaves in order; the file has it as a list, each node before its children."""
    leaves: list[Leaf] = []
    left = [int(elements[0][field(5, I32)])]
    names: list[str] = []
    levels = [(0, 0)]
    for element in elements[1:]:
        while left and left[-1] == 0:
            left.pop()
            levels.pop()
            names[-1:] = []
        left[-1] -= 1
        repeats, name = element[field(3, I32)], element[field(4, BINARY)].decode()
        repetition = levels[-1][0] + (repeats == _REPEATED)
        definition = levels[-1][1] + (repeats != _REQUIRED)
        if len(left) > MAX_NESTING:
            raise ValueError(f"columns nested more than {MAX_NESTING} levels deep")
        if children := element.get(field(5, I32), 0):
            left.append(children)
            levels.append((repetition, definition))
            names.append(name)
            continue
        width = element.get(field(2, I32), 0)
        leaves.append(Leaf(".".join([*names, name]), element[field(1, I32)], width, repetition, definition))
        if len(leaves) > MAX_LEAVES or width < 0:
            raise ValueError(f"more than {MAX_LEAVES} columns, or one of {width} bytes")
    if any(left):
        raise ValueError("a column has fewer parts than it says")
    return leaves


def _read_group(found: Struct, leaves: Sequence[Leaf]) -> Group:
    rows, columns = found[field(3, I64)], found[field(1, LIST)]
    if rows < 0 or len(columns) != len(leaves):
        raise ValueError(f"a row group of {rows} rows in {len(columns)} columns of {len(leaves)}")
    return Group(rows, [_read_chunk(one, leaf, rows) for one, leaf in zip(columns, leaves, strict=True)])


def _read_chunk(found: Struct, leaf: Leaf, rows: int) -> Chunk:
    if found.get(field(1, BINARY)) or field(8, STRUCT) in found or field(9, BINARY) in found:
        raise ValueError(f"column {leaf.path[:80]} lies in another file, or is encrypted")
    meta = found[field(3, STRUCT)]
    start, dictionary = meta[field(9, I64)], meta.get(field(11, I64), 0)
    values = meta[field(5, I64)]
    fits = values == rows if leaf.max_repetition == 0 else values >= rows
    path = b".".join(meta[field(3, LIST)]).decode()
    if not fits or meta[field(1, I32)] != leaf.kind or path != leaf.path:
        raise ValueError(f"{values} values of {path[:80]} in {rows} rows of {leaf.path[:80]}")
    _check_histograms(meta.get(field(16, STRUCT), {}), leaf)
    return Chunk(
        leaf,
        dictionary if 0 < dictionary < start else start,
        meta[field(7, I64)],
        meta[field(6, I64)],
        values,
        meta[field(4, I32)],
    )


def _check_histograms(sizes: dict[int, Any], leaf: Leaf) -> None:
    """Of how often each level occurs; one of another length ends Parquet's reader, and the process."""
    for number, most in ((2, leaf.max_repetition), (3, leaf.max_definition)):
        if len(sizes.get(field(number, LIST), ())) not in (0, most + 1):
            raise ValueError(f"column {leaf.path[:80]} counts levels that it does not have")


def _check_places(path: Path, groups: Sequence[Group]) -> None:
    """No byte belongs to two chunks: what is small in the file would be large when it is read."""
    end = path.stat().st_size
    last = 0
    for chunk in sorted((chunk for group in groups for chunk in group.chunks), key=lambda chunk: chunk.start):
        if chunk.stored_bytes < 0 or chunk.data_bytes < 0 or chunk.start < last:
            raise RefusedError(f"{path}: column {chunk.leaf.path[:80]} lies where another does: not read")
        last = chunk.start + chunk.stored_bytes
    if last > end:
        raise RefusedError(f"{path} has {end} bytes, its row groups end at {last}: not read")
