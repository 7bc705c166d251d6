"""Reading shards: some columns of a whole shard, or whole rows a row group at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracewright.pipeline.filter.columns import TRACE_COLUMNS, Column
from tracewright.pipeline.store.objects import open_parquet
from tracewright.pipeline.store.table import ModelT, StoredFile, TableKind
from tracewright.schemas.arrow import VERSION_KEY, arrow_schema, from_table
from tracewright.schemas.errors import InputError, StoreError
from tracewright.schemas.migrations import SCHEMA_VERSION, migrate

_BATCH_ROWS = 50
"""Rows that are Python objects at the same time while rows are iterated."""


def read_columns(file: StoredFile, names: Sequence[str], kind: TableKind[Any]) -> pa.Table:
    """Columns of one shard in the order of `names`, without decoding any other; a dot reaches into a struct.

    Raises:
        InputError: there is no such column.
        SchemaVersionError: the shard was written by a newer schema.
        StoreError: the shard can't be read.
    """
    for name in names:
        if name.split(".")[0] not in kind.schema.names:
            raise InputError(f"the store has no column {name!r}: it has {', '.join(kind.schema.names)}")
    with _open(file.path) as shard:
        is_current = _version_of(shard.schema_arrow) == SCHEMA_VERSION
        table = shard.read(columns=list(names)) if is_current else upgrade(shard.read(), kind)
    return pa.table([_reach(table, name) for name in names], names=list(names))


def read_shard(file: StoredFile, kind: TableKind[Any]) -> pa.Table:
    """A whole shard: the model's columns and the derived ones, as the installed schema has them.

    Raises:
        SchemaVersionError: the shard was written by a newer schema.
        StoreError: the shard can't be read.
    """
    with _open(file.path) as shard:
        return upgrade(shard.read(), kind).select(kind.schema.names).replace_schema_metadata(kind.schema.metadata)


def upgrade(rows: pa.Table, kind: TableKind[Any]) -> pa.Table:
    """Rows of a shard as the installed schema has them; those of an older one get their derived columns anew.

    Raises:
        SchemaVersionError: they were written by a newer schema.
    """
    version = _version_of(rows.schema)
    if version == SCHEMA_VERSION:
        return rows
    own = arrow_schema(kind.model)
    rows = migrate(rows, version).select(own.names).cast(own)
    derived = kind.facts.derive(rows)
    for extra in kind.facts.fields:
        rows = rows.append_column(extra, derived[extra.name])
    return rows


def read_frame(file: StoredFile, kind: TableKind[Any], columns: Sequence[Column] = TRACE_COLUMNS) -> pl.DataFrame:
    """Scalar columns of one shard, in the order of the column table."""
    table = read_columns(file, [column.source for column in columns], kind)
    frame = pl.DataFrame(pl.from_arrow(table.rename_columns([column.name for column in columns])))
    return frame.cast({column.name: column.dtype for column in columns})


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
                rows = upgrade(shard.read_row_group(group), kind).select(names)
                yield from _to_models(rows if mask is None else rows.filter(pa.array(mask)), kind)


def _to_models(rows: pa.Table, kind: TableKind[ModelT]) -> Iterator[ModelT]:
    for start in range(0, rows.num_rows, _BATCH_ROWS):
        yield from from_table(kind.model, rows.slice(start, _BATCH_ROWS))


def _reach(table: pa.Table, name: str) -> pa.ChunkedArray:
    first, *rest = name.split(".")
    return pc.call_function("struct_field", [table[first]], pc.StructFieldOptions(rest)) if rest else table[first]


def _version_of(schema: pa.Schema) -> int:
    return int((schema.metadata or {}).get(VERSION_KEY, SCHEMA_VERSION))


@contextmanager
def _open(path: Path) -> Generator[pq.ParquetFile]:
    try:
        with open_parquet(path) as shard:
            yield shard
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"the shard {path} can't be read: {error}: restore the file from a copy; `store info` names every shard "
            "that is missing or torn"
        ) from error
