"""What no Parquet file may ask for, as far as its footer tells."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq

MAX_COLUMNS = 10_000
MAX_NESTING = 32
MAX_FOOTER_BYTES = 16 * 2**20
"""Reading a footer takes some twelve times its bytes: 100,000 columns have one of 28 MiB."""
MAX_EXPANSION = 200
"""Bytes of a column's data for each byte in the file. Text compresses some 10 times; what exceeds this is a trap."""
EXPANSION_FREE_BYTES = 64 * 2**20
MAX_ROWS_PER_BYTE = 10
"""Rows of texts that differ take some bytes each; a billion equal rows fit into a kilobyte."""
FREE_ROWS = 100_000
_MAGIC = b"PAR1"
_TAIL_BYTES = 8


class RefusedError(ValueError):
    """The file asks for too much, or lacks what is looked for; a sentence for a person."""


def check_footer_size(path: Path) -> None:
    """Refuse a footer that is too large, before it is read.

    Raises:
        RefusedError: it is.
    """
    whole = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(whole - _TAIL_BYTES, 0))
        tail = file.read(_TAIL_BYTES)
    size = int.from_bytes(tail[:4], "little")
    if tail[4:] == _MAGIC and MAX_FOOTER_BYTES < size < whole:
        raise RefusedError(
            f"{path} has a footer of {size} bytes, at most {MAX_FOOTER_BYTES} are read: it has far too many columns or "
            "row groups; write it again with fewer"
        )


def choose_columns(path: Path, file: pq.ParquetFile, columns: Collection[str] | None) -> list[str]:
    """Those of these columns that the file has, or all of its own.

    Raises:
        RefusedError: it has none of them, or asks for too much.
    """
    if file.metadata.num_columns > MAX_COLUMNS:
        raise RefusedError(f"{path} has {file.metadata.num_columns} columns, expected at most {MAX_COLUMNS}")
    present = file.schema_arrow.names
    names = [name for name in present if columns is None or name in columns]
    if len(set(names)) < len(names):
        raise RefusedError(f"{path} has two columns of one name among {', '.join(names)}: rename one")
    if not names:
        raise RefusedError(
            f"{path} has the columns {', '.join(present)[:400] or '(none)'}, expected some of "
            f"{', '.join(columns or ('any',))}: say which is which under `columns`"
        )
    check_sizes(path, file, set(names))
    return names


def check_sizes(path: Path, file: pq.ParquetFile, names: Collection[str]) -> None:
    """Refuse columns nested too deeply, and chunks whose data is out of proportion to their bytes in the file.

    Raises:
        RefusedError: there is one.
    """
    chosen = [i for i in range(file.metadata.num_columns) if file.schema.column(i).path.split(".")[0] in names]
    for index in chosen:
        column = file.schema.column(index)
        if column.max_definition_level > MAX_NESTING:
            raise RefusedError(f"{path}: column {column.path[:80]} is nested more than {MAX_NESTING} levels deep")
    _check_rows(path, file.metadata.num_rows)
    whole_data = whole_stored = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group)
        for index in chosen:
            chunk = rows.column(index)
            data, stored = chunk.total_uncompressed_size, max(chunk.total_compressed_size, 1)
            _check_expansion(f"{path}: column {chunk.path_in_schema[:80]} of row group {group}", data, stored)
            whole_data, whole_stored = whole_data + data, whole_stored + stored
    _check_expansion(f"{path}: the whole", whole_data, whole_stored)


def _check_rows(path: Path, rows: int) -> None:
    if rows > max(FREE_ROWS, MAX_ROWS_PER_BYTE * (size := path.stat().st_size)):
        raise RefusedError(f"{path} states {rows} rows in {size} bytes, expected at most {MAX_ROWS_PER_BYTE} for each")


def _check_expansion(what: str, data: int, stored: int) -> None:
    if data > EXPANSION_FREE_BYTES and data > MAX_EXPANSION * stored:
        raise RefusedError(f"{what} expands from {stored} to {data} bytes, more than {MAX_EXPANSION} times: not read")
