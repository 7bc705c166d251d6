"""Rows in the order of their trace ids, with memory for one bucket of them.

The order is the release's: it does not depend on when a trace was stored, and since the ids are hashes, neighbours have
nothing in common, so that a reader who shuffles within a window mixes well.
"""

# pyarrow.compute makes its functions when it is imported, so that a type checker knows none of them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

MAX_BUCKET_CHARS = 48_000_000
"""Characters of completions in one bucket; a row holds its completion three times, so a bucket is about 150 MB."""


def plan_buckets(frame: pl.DataFrame, max_chars: int = MAX_BUCKET_CHARS) -> list[str]:
    """The ids at which buckets begin, all but the first, so that none but a single huge trace exceeds the limit."""
    ordered = frame.select("trace_id", "chars").sort("trace_id")
    bounds: list[str] = []
    filled = 0
    for trace_id, chars in ordered.iter_rows():
        filled += chars
        if filled > max_chars and filled > chars:
            bounds.append(trace_id)
            filled = chars
    return bounds


class BucketSort:
    """Takes tables with a `trace_id` column in any order and gives their rows back sorted, bucket by bucket."""

    def __init__(self, folder: Path, bounds: Sequence[str]) -> None:
        """Spill to `folder` (made when needed) where there is more than one bucket."""
        self._folder = folder
        self._bounds = bounds
        self._in_memory: list[pa.Table] = []
        self._spills: dict[int, pa.ipc.RecordBatchFileWriter] = {}

    def add(self, table: pa.Table) -> None:
        """Take the rows."""
        if not self._bounds:
            self._in_memory.append(table)
            return
        places = np.array([bisect_right(self._bounds, trace_id) for trace_id in table["trace_id"].to_pylist()])
        for bucket in np.unique(places).tolist():
            self._spill(bucket, table.filter(pa.array(places == bucket)))

    def sorted_tables(self) -> Iterator[pa.Table]:
        """The buckets in order, each sorted."""
        if self._in_memory:
            yield _sort(pa.concat_tables(self._in_memory))
        for bucket, writer in sorted(self._spills.items()):
            writer.close()
            with pa.memory_map(str(self._spill_path(bucket))) as file:
                yield _sort(pa.ipc.open_file(file).read_all())
            self._spill_path(bucket).unlink()

    def _spill(self, bucket: int, table: pa.Table) -> None:
        if bucket not in self._spills:
            self._folder.mkdir(exist_ok=True)
            self._spills[bucket] = pa.ipc.new_file(str(self._spill_path(bucket)), table.schema)
        self._spills[bucket].write_table(table)

    def _spill_path(self, bucket: int) -> Path:
        return self._folder / f"{bucket}.arrow"


def _sort(table: pa.Table) -> pa.Table:
    return table.take(pc.sort_indices(table, sort_keys=[("trace_id", "ascending")]))
