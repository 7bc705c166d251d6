"""Parquet, a small batch at a time, for files nobody has checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.sources.rows import Place, Row, reject_row
from tracewright.schemas import InputError, Rejection

MAX_COLUMNS = 10_000
MAX_NESTING = 32
MAX_EXPANSION = 200
"""Bytes of a column's data for each byte in the file. Text compresses some 10 times; what exceeds this is a trap."""
_EXPANSION_FREE_BYTES = 64 * 1024 * 1024
_BATCH_ROWS = 64


def read_parquet(path: Path, columns: Collection[str] | None = None) -> Iterator[Row | Rejection]:
    """Every row in order, with these columns (as far as the file has them) or all.

    Rows that can't be decoded are rejections; where a page is damaged, the rest of its row group is one of them.

    Raises:
        InputError: the file is not Parquet, has none of the columns, or is made to exhaust memory.
    """
    with _open(path) as file:
        names = _choose_columns(path, file, columns)
        first = 1
        for group in range(file.num_row_groups):
            yield from _read_group(path, file, group, names, first)
            first += file.metadata.row_group(group).num_rows


def count_rows(path: Path) -> int:
    """How many rows the file's footer states.

    Raises:
        InputError: the file is not Parquet.
    """
    with _open(path) as file:
        return file.metadata.num_rows


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=_EXPANSION_FREE_BYTES // 64)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file that can be read: {_one_line(error)}") from error


def _choose_columns(path: Path, file: pq.ParquetFile, columns: Collection[str] | None) -> list[str]:
    if file.metadata.num_columns > MAX_COLUMNS:
        raise InputError(f"{path} has {file.metadata.num_columns} columns, expected at most {MAX_COLUMNS}")
    present = file.schema_arrow.names
    names = [name for name in present if columns is None or name in columns]
    if len(set(names)) < len(names):
        raise InputError(f"{path} has two columns of one name among {', '.join(names)}: rename one")
    if not names:
        raise InputError(
            f"{path} has the columns {', '.join(present)[:400] or '(none)'}, expected some of "
            f"{', '.join(columns or ('any',))}: say which is which under `columns`"
        )
    _check_sizes(path, file, set(names))
    return names


def _check_sizes(path: Path, file: pq.ParquetFile, names: set[str]) -> None:
    """Refuse columns nested too deeply, and chunks whose data is out of proportion to their bytes in the file."""
    chosen = [i for i in range(file.metadata.num_columns) if file.schema.column(i).path.split(".")[0] in names]
    for index in chosen:
        column = file.schema.column(index)
        if column.max_definition_level > MAX_NESTING:
            raise InputError(f"{path}: column {column.path[:80]} is nested more than {MAX_NESTING} levels deep")
    for group in range(file.num_row_groups):
        for index in chosen:
            chunk = file.metadata.row_group(group).column(index)
            data, stored = chunk.total_uncompressed_size, max(chunk.total_compressed_size, 1)
            if data > _EXPANSION_FREE_BYTES and data > MAX_EXPANSION * stored:
                raise InputError(
                    f"{path}: column {chunk.path_in_schema[:80]} expands from {stored} to {data} bytes in row group "
                    f"{group}, more than {MAX_EXPANSION} times: it is not read"
                )


def _read_group(
    path: Path, file: pq.ParquetFile, group: int, names: list[str], first: int
) -> Iterator[Row | Rejection]:
    number, last = first, first + file.metadata.row_group(group).num_rows - 1
    batches = file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=names, use_threads=False)
    while number <= last:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            reason = f"rows {number} to {last} can't be read: {_one_line(error)}"
            yield reject_row(Place(path, number), reason, "", numbers={"rows": last - number + 1})
            return
        for index in range(batch.num_rows):
            yield _read_row(Place(path, number + index), batch.slice(index, 1))
        number += batch.num_rows


def _read_row(place: Place, row: pa.RecordBatch) -> Row | Rejection:
    try:
        (values,) = row.to_pylist(maps_as_pydicts="strict")
    except (ValueError, KeyError, OverflowError, pa.ArrowException) as error:
        return reject_row(place, f"the row can't be decoded: {_one_line(error)}", "")
    return Row(place, _plain(values))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Without the columns that are null: to a reader of rows they are not there."""
    return {name: value for name, value in values.items() if value is not None}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
