"""The values of steps as a table, to be joined with the traces by id and step."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tracewright.pipeline.rollouts.book import FOLDER, RolloutBook
from tracewright.pipeline.store.disk import write_durably
from tracewright.pipeline.store.parquet import encode_shard

FILE = "values.parquet"


def write_values(book: RolloutBook, store: Path) -> Path:
    """Write `rollouts/values.parquet`: trace_id, step (from 0), right, total and value; traces that are complete alone.

    Raises:
        StoreError: the disk is full or failing; an older file is intact.
    """
    rows = [
        (trace_id, step, one.right, one.total, one.value)
        for trace_id in book.trace_ids()
        for step, one in enumerate(book.find(trace_id) or ())
        if one is not None
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 5
    kinds = (pa.string(), pa.int64(), pa.int64(), pa.int64(), pa.float64())
    names = ("trace_id", "step", "right", "total", "value")
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    path = store / FOLDER / FILE
    write_durably(path, memoryview(encode_shard(pa.table(arrays, names=list(names)))))
    return path
