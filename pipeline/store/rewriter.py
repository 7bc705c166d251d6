"""Scoring a store's traces anew: shard by shard, each in the place of the old one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

import pyarrow as pa

from tracewright.pipeline.store.locks import COMMIT_LOCK, WriterLock
from tracewright.pipeline.store.reading import iter_rows, read_columns
from tracewright.pipeline.store.shards import ShardReplacer
from tracewright.pipeline.store.table import ModelTable, StoredFile
from tracewright.schemas.arrow import to_table
from tracewright.schemas.trace import Trace

_CHUNK_ROWS = 50
"""Models become Arrow so many at a time: Arrow takes a tenth of their memory."""


class TraceRewriter:
    """The one rewriter of that name; writers may add traces meanwhile. To be used in a `with` block."""

    def __init__(self, table: ModelTable[Trace], locks: Path, name: str) -> None:
        """Take the lock and sweep what a killed rewriter left.

        Raises:
            StoreError: another rewriter is at work, or the store can't be written.
        """
        self._table = table
        self._lock = WriterLock(locks / f"{name}.lock")
        try:
            self._replacer = ShardReplacer(table, name, locks / COMMIT_LOCK)
        except BaseException:
            self._lock.release()
            raise

    def files(self) -> tuple[StoredFile, ...]:
        """The shards of the newest version."""
        return self._table.files()

    def read_columns(self, file: StoredFile, names: Sequence[str]) -> pa.Table:
        """Columns of one shard, as `Store.iter_tables` has them."""
        return read_columns(file, names, self._table.kind)

    def iter_traces(self, file: StoredFile) -> Iterator[Trace]:
        """The traces of one shard, in order, a row group at a time."""
        return iter_rows(file, self._table.kind)

    def replace(self, file: StoredFile, traces: Iterable[Trace]) -> None:
        """Commit these traces, the shard's own in their order, in its place: one version, both at once or neither.

        Raises:
            StoreError: they are others, someone replaced the shard meanwhile, or the disk is full; nothing changed.
        """
        rows = iter(traces)
        chunks = iter(lambda: list(islice(rows, _CHUNK_ROWS)), [])
        self._replacer.replace(file, pa.concat_tables([to_table(Trace, chunk) for chunk in chunks]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()
