"""Adding shards to a table and taking the place of old ones; `commits` sees to it that each is there exactly once.

Everything here happens under the table's commit lock, so that several writers never add the same row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Generic

import pyarrow as pa

from tracewright.pipeline.store.commits import Beside, ShardCommitter, until_committed
from tracewright.pipeline.store.locks import hold
from tracewright.pipeline.store.reading import read_columns
from tracewright.pipeline.store.removals import OWNER, RemovedIds
from tracewright.pipeline.store.table import ModelT, ModelTable, StoredFile, explain_delta_errors
from tracewright.pipeline.store.top_logprobs import TopLogprobs, TopLogprobsFolder
from tracewright.schemas.errors import StoreError


class ShardAppender(Generic[ModelT]):
    """One writer's way into one table; knows every id that the table holds."""

    def __init__(self, table: ModelTable[ModelT], writer: str, lock: Path) -> None:
        """Look at what the table holds, and sweep what this writer left unfinished when it was killed."""
        self.ids: set[str] = set()
        self._removed = RemovedIds(table.path.parent)
        self._table = table
        self._lock = lock
        self._seen: set[Path] = set()
        self._learned_version = -1
        with hold(lock):
            self._committer = ShardCommitter(table, writer)
            self._beside = TopLogprobsFolder(table.path.parent)
            self._committer.sweep(self._beside.path if table.kind.key == OWNER else None)
            self._learn_new_ids()

    def append(self, rows: pa.Table, top_logprobs: Mapping[str, TopLogprobs] | None = None) -> int:
        """Commit the rows that the table does not hold yet, as one shard; how many those were.

        `top_logprobs` are those of some of the rows, by id: they come to lie beside the shard.

        Raises:
            StoreError: nothing of the rows is in the table; the rows before are.
        """
        beside = self._write_beside(top_logprobs) if top_logprobs else None
        with hold(self._lock), explain_delta_errors(self._table.path, "committing to"):
            return until_committed(lambda: self._append_new(rows, beside))

    def _append_new(self, rows: pa.Table, beside: Beside | None) -> int:
        self._committer.delta.update_incremental()
        rows = self._keep_new(rows)
        if rows.num_rows == 0:
            return 0
        before = self._committer.delta.version()
        shard = self._committer.commit(rows, beside=beside)
        self._seen.add(shard.path)
        if self._committer.delta.version() == before + 1:
            self._learned_version = before + 1
        self.ids.update(rows[self._table.kind.key].to_pylist())
        return rows.num_rows

    def _write_beside(self, top_logprobs: Mapping[str, TopLogprobs]) -> Beside:
        key = self._table.kind.key
        return lambda name, rows: self._beside.write(name, rows[key].to_pylist(), top_logprobs)

    def _keep_new(self, rows: pa.Table) -> pa.Table:
        """Each row once, and without those that another writer committed meanwhile."""
        rows = self._drop_removed(rows)
        self._learn_new_ids()
        fresh = dict[str, int]()
        for index, key in enumerate(rows[self._table.kind.key].to_pylist()):
            if key not in self.ids:
                fresh.setdefault(key, index)
        return rows if len(fresh) == rows.num_rows else rows.take(pa.array(list(fresh.values()), pa.int64()))

    def _drop_removed(self, rows: pa.Table) -> pa.Table:
        """The rows without those of traces that were taken down, also while they waited for their shard."""
        removed = self._removed.find()
        if not removed or OWNER not in rows.column_names:
            return rows
        return rows.filter(pa.array([owner not in removed for owner in rows[OWNER].to_pylist()], pa.bool_()))

    def _learn_new_ids(self) -> None:
        if self._table.kind.key == OWNER:
            self.ids |= self._removed.find()
        if self._committer.delta.version() == self._learned_version:
            return
        key = self._table.kind.key
        for file in self._table.list_files(self._committer.delta):
            if file.path not in self._seen:
                self.ids.update(read_columns(file, [key], self._table.kind)[key].to_pylist())
                self._seen.add(file.path)
        self._learned_version = self._committer.delta.version()


class ShardReplacer(Generic[ModelT]):
    """One writer's way of putting a shard with the same rows, scored anew, in the place of an old one."""

    def __init__(self, table: ModelTable[ModelT], writer: str, lock: Path) -> None:
        """Sweep what this writer left unfinished when it was killed."""
        self._table = table
        self._lock = lock
        with hold(lock):
            self._committer = ShardCommitter(table, writer)
            self._committer.sweep()

    def replace(self, old: StoredFile, rows: pa.Table) -> None:
        """Commit the rows, with the table's derived columns, in the place of the shard: both at once, or neither.

        The old shard stays on the disk for readers of older versions.

        Raises:
            StoreError: the rows are not the shard's, or someone replaced it meanwhile; the table is as it was.
        """
        with hold(self._lock), explain_delta_errors(self._table.path, "committing to"):
            until_committed(lambda: self._replace_one(old, rows))

    def _replace_one(self, old: StoredFile, rows: pa.Table) -> None:
        self._committer.delta.update_incremental()
        if old not in self._table.list_files(self._committer.delta):
            raise StoreError(f"{old.path} was replaced by someone else meanwhile: run the same command again")
        self._check_ids(old, rows)
        self._committer.commit(self._derive(rows), [old])

    def _derive(self, rows: pa.Table) -> pa.Table:
        derived = self._table.kind.facts.derive(rows)
        for extra in self._table.kind.facts.fields:
            rows = rows.append_column(extra, derived[extra.name])
        return rows

    def _check_ids(self, old: StoredFile, rows: pa.Table) -> None:
        key = self._table.kind.key
        if read_columns(old, [key], self._table.kind)[key].to_pylist() != rows[key].to_pylist():
            raise StoreError(f"the rows for {old.path} are not the ones it holds: nothing was changed")
