"""A Delta table's rows, a small batch at a time, as of its newest version or a named one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from tracewright.pipeline.sources.rows import Place, Row, reject_row
from tracewright.schemas import InputError, MissingInputError, Rejection

_BATCH_ROWS = 64


def read_delta(path: Path, columns: Collection[str], version: int | None = None) -> Iterator[Row | Rejection]:
    """Every row of a version, file by file, with these columns as far as the table has them.

    Raises:
        MissingInputError: there is no table in the folder.
        InputError: it has no such version, none of the columns, or is one that can't be read here.
    """
    table = _open(path, version)
    names = [name for name in table.schema.names if name in columns]
    if not names:
        raise InputError(
            f"{path} has the columns {', '.join(table.schema.names)[:400]}, expected some of {', '.join(columns)}: say "
            "which is which under `columns`"
        )
    number = 0
    batches = table.to_batches(
        columns=names, batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
    )
    for batch in batches:
        for index in range(batch.num_rows):
            number += 1
            yield _read_row(Place(path, number), batch.slice(index, 1))


def count_delta(path: Path, version: int | None = None) -> int:
    """How many rows a version has.

    Raises:
        MissingInputError, InputError: as for `read_delta`.
    """
    return _open(path, version).count_rows()


def _open(path: Path, version: int | None) -> Any:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(path, version=version).to_pyarrow_dataset()
    except (TableNotFoundError, FileNotFoundError) as error:
        raise MissingInputError(f"there is no Delta table in {path}: check the path") from error
    except (DeltaError, OSError, ValueError) as error:
        raise InputError(f"the Delta table {path} can't be read: {' '.join(str(error).split())[:300]}") from error


def _read_row(place: Place, row: pa.RecordBatch) -> Row | Rejection:
    try:
        (values,) = row.to_pylist(maps_as_pydicts="strict")
    except (ValueError, KeyError, OverflowError, pa.ArrowException) as error:
        return reject_row(place, f"the row can't be decoded: {' '.join(str(error).split())[:200]}", "")
    return Row(place, {name: value for name, value in values.items() if value is not None})
