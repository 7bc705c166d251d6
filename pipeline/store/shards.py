"""Adding shards to a table so that each is there exactly once, whatever is killed and when.

A shard's name is `SEQUENCE-WRITER-HASH.parquet`. The sequence is its writer's Delta app-transaction version, so a file
whose sequence is above what the log knows of its writer was never committed and may go; the hash is of its bytes.
Everything here happens under the table's commit lock, so that several writers (each under its own name) never add the
same row and never take another's unfinished file for a leftover.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path
from typing import Generic

import pyarrow as pa
from deltalake import CommitProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from tracewright.pipeline.store.disk import explain_disk_errors, remove_asides, write_durably
from tracewright.pipeline.store.failpoints import Failpoint, reach
from tracewright.pipeline.store.locks import hold
from tracewright.pipeline.store.parquet import encode_shard
from tracewright.pipeline.store.reading import read_columns
from tracewright.pipeline.store.table import ModelT, ModelTable, explain_delta_errors

_COMMIT_TRIES = 8
_RETRY_SECONDS = 0.05
_HASH_HEX_DIGITS = 16
_NAME = re.compile(r"(\d{10})-([a-z0-9_]+)-[0-9a-f]{16}\.parquet")


class ShardAppender(Generic[ModelT]):
    """One writer's way into one table; knows every id that the table holds."""

    def __init__(self, table: ModelTable[ModelT], writer: str, lock: Path) -> None:
        """Look at what the table holds, and sweep what this writer left unfinished when it was killed."""
        self.ids: set[str] = set()
        self._table = table
        self._writer = writer
        self._transaction = f"tracewright/{writer}"
        self._lock = lock
        self._seen: set[Path] = set()
        self._learned_version = -1
        self._schema = Schema.from_arrow(table.kind.schema.remove_metadata())
        with hold(lock):
            self._delta = table.load()
            self._sweep()
            self._learn_new_ids()

    def append(self, rows: pa.Table) -> int:
        """Commit the rows that the table does not hold yet, as one shard; how many those were.

        Raises:
            StoreError: nothing of the rows is in the table; the rows before are.
        """
        with hold(self._lock), explain_delta_errors(self._table.path, "committing to"):
            self._delta.update_incremental()
            rows = self._keep_new(rows)
            if rows.num_rows == 0:
                return 0
            path, size = self._write(rows)
            self._commit(path, size, rows.num_rows)
            self._table.sync_log(self._delta.version())
            reach(Failpoint.LOG_SYNCED)
        self._seen.add(path)
        self._learned_version = self._delta.version()
        self.ids.update(rows[self._table.kind.key].to_pylist())
        return rows.num_rows

    def _keep_new(self, rows: pa.Table) -> pa.Table:
        """Each row once, and without those that another writer committed meanwhile."""
        stored, fresh = self._learn_new_ids(), dict[str, int]()
        for index, key in enumerate(rows[self._table.kind.key].to_pylist()):
            if key not in stored:
                fresh.setdefault(key, index)
        return rows if len(fresh) == rows.num_rows else rows.take(pa.array(list(fresh.values()), pa.int64()))

    def _learn_new_ids(self) -> set[str]:
        if self._delta.version() == self._learned_version:
            return set()
        added: set[str] = set()
        key = self._table.kind.key
        for file in self._table.list_files(self._delta):
            if file.path not in self._seen:
                added.update(read_columns(file, [key], self._table.kind.schema)[key].to_pylist())
                self._seen.add(file.path)
        self.ids |= added
        self._learned_version = self._delta.version()
        return added

    def _next_sequence(self) -> int:
        last = self._delta.transaction_version(self._transaction)
        return 0 if last is None else last + 1

    def _write(self, rows: pa.Table) -> tuple[Path, int]:
        data = encode_shard(rows)
        digest = hashlib.sha256(data).hexdigest()[:_HASH_HEX_DIGITS]
        path = self._table.path / f"{self._next_sequence():010d}-{self._writer}-{digest}.parquet"
        write_durably(path, memoryview(data))
        return path, data.size

    def _commit(self, path: Path, size_bytes: int, rows: int) -> None:
        """Commit once: the log is asked again before every further try whether the last one got there after all."""
        sequence = self._next_sequence()
        for attempt in range(1, _COMMIT_TRIES + 1):
            try:
                self._commit_once(path, size_bytes, rows, sequence)
                break
            except CommitFailedError:
                self._delta.update_incremental()
                if self._next_sequence() > sequence:
                    break
                if attempt == _COMMIT_TRIES:
                    raise
                time.sleep(_RETRY_SECONDS * attempt)
        reach(Failpoint.SHARD_COMMITTED)
        self._delta.update_incremental()

    def _commit_once(self, path: Path, size_bytes: int, rows: int, sequence: int) -> None:
        stats = json.dumps({"numRecords": rows})
        action = AddAction(path.name, size_bytes, {}, time.time_ns() // 1_000_000, True, stats)
        transaction = CommitProperties(app_transactions=[Transaction(self._transaction, sequence)])
        self._delta.create_write_transaction([action], "append", self._schema, commit_properties=transaction)

    def _sweep(self) -> None:
        with explain_disk_errors(self._table.path, "sweeping"):
            remove_asides(self._table.path)
            expected = self._next_sequence()
            for path in self._table.path.glob("*.parquet"):
                named = _NAME.fullmatch(path.name)
                if named and named[2] == self._writer and int(named[1]) >= expected:
                    path.unlink(missing_ok=True)
