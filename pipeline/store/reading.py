"""Reading shards: some columns of a whole shard, or whole rows a row group at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracewright.pipeline.filter.columns import TRACE_COLUMNS
from tracewright.pipeline.store.table import ModelT, StoredFile, TableKind
from tracewright.schemas.arrow import from_table
from tracewright.schemas.errors import InputError, StoreError

_BATCH_ROWS = 50
"""Rows that are Python objects at the same time while rows are iterated."""


def read_columns(file: StoredFile, names: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Columns of one shard in the order of `names`, without decoding any other; a dot reaches into a struct.

    Raises:
        InputError: there is no such column.
        StoreError: the shard can't be read.
    """
    for name in names:
        if name.split(".")[0] not in schema.names:
            raise InputError(f"the store has no column {name!r}: it has {', '.join(schema.names)}")
    with _open(file.path) as shard:
        table = shard.read(columns=list(names))
    return pa.table([_reach(table, name) for name in names], names=list(names))


def read_frame(file: StoredFile, schema: pa.Schema) -> pl.DataFrame:
    """The scalar columns of one shard's traces, in the order of the column table."""
    table = read_columns(file, [column.source for column in TRACE_COLUMNS], schema)
    frame = pl.DataFrame(pl.from_arrow(table.rename_columns([column.name for column in TRACE_COLUMNS])))
    return frame.cast({column.name: column.dtype for column in TRACE_COLUMNS})


def iter_rows(file: StoredFile, kind: TableKind[ModelT], wanted: np.ndarray | None = None) -> Iterator[ModelT]:
    """The shard's rows as models, in order; `wanted` says for each row whether it is, and spares the others' reading.

    Raises:
        SchemaVersionError: the shard was written by a newer schema.
        StoreError: the shard can't be read.
    """
    names = list(kind.model.model_fields)
    with _open(file.path) as shard:
        start = 0
        for group in range(shard.num_row_groups):
            end = start + shard.metadata.row_group(group).num_rows
            mask = None if wanted is None else wanted[start:end]
            start = end
            if mask is None or mask.any():
                rows = shard.read_row_group(group).select(names)
                yield from _to_models(rows if mask is None else rows.filter(pa.array(mask)), kind)


def _to_models(rows: pa.Table, kind: TableKind[ModelT]) -> Iterator[ModelT]:
    for start in range(0, rows.num_rows, _BATCH_ROWS):
        yield from from_table(kind.model, rows.slice(start, _BATCH_ROWS))


def _reach(table: pa.Table, name: str) -> pa.ChunkedArray:
    first, *rest = name.split(".")
    return pc.call_function("struct_field", [table[first]], pc.StructFieldOptions(rest)) if rest else table[first]


@contextmanager
def _open(path: Path) -> Generator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as shard:
            yield shard
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"the shard {path} can't be read: {error}: restore the file from a copy; `store info` names every shard "
            "that is missing or torn"
        ) from error
