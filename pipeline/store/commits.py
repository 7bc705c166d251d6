"""Writing shards and committing them so that each is there exactly once, whatever is killed and when.

A shard's name is `SEQUENCE-WRITER-HASH.parquet`. The sequence is its writer's Delta app-transaction version, so a file
whose sequence is above what the log knows of its writer was never committed and may go; the hash is of its bytes.
Everything here happens under the table's commit lock, so that several writers (each under its own name) never take
another's unfinished file for a leftover. That lock holds on one machine. Where several write to a store on S3, each
commit is pinned to the version that its rows were compared with: the bucket takes one commit for each version, and who
comes second looks at what the first one brought and begins again (`until_committed`).
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from tracewright.pipeline.store.disk import explain_disk_errors, remove_asides, write_durably
from tracewright.pipeline.store.failpoints import Failpoint, reach
from tracewright.pipeline.store.log import added_files
from tracewright.pipeline.store.objects import ObjectPath
from tracewright.pipeline.store.parquet import encode_shard
from tracewright.pipeline.store.table import ModelT, ModelTable, StoredFile
from tracewright.schemas.errors import StoreError

_T = TypeVar("_T")

_COMMIT_TRIES = 8
_RETRY_SECONDS = 0.05
_MAX_ROUNDS = 200
"""How often others may come first; with eight machines that write without a pause it is some ten times."""
_HASH_HEX_DIGITS = 16
Beside = Callable[[str, pa.Table], None]
"""Writes what lies beside a shard: called with its name and rows before it is committed."""
_NAME = re.compile(r"(\d{10})-([a-z0-9_]+)-[0-9a-f]{16}(?:\.\d+)?\.parquet")


class VersionTakenError(StoreError):
    """Another machine committed the version first: compare what was to be committed with it, and try again."""


def until_committed(commit: Callable[[], _T]) -> _T:
    """What `commit` gives, called again as long as another machine comes first. It looks at the table anew each time.

    Raises:
        VersionTakenError: others came first time after time.
    """
    for round_ in range(1, _MAX_ROUNDS):
        try:
            return commit()
        except VersionTakenError:
            time.sleep(random.uniform(0, _RETRY_SECONDS * min(round_, _COMMIT_TRIES)))  # noqa: S311
    return commit()


class ShardCommitter(Generic[ModelT]):
    """One writer's commits to one table. The caller holds the commit lock around every call."""

    def __init__(self, table: ModelTable[ModelT], writer: str) -> None:
        self.delta = table.load()
        self._table = table
        self._writer = writer
        self._transaction = f"tracewright/{writer}"
        self._schema = Schema.from_arrow(table.kind.schema.remove_metadata())

    def sweep(self, beside: Path | None = None) -> None:
        """Remove what this writer left unfinished when it was killed, also in the folder of what lies beside shards."""
        if isinstance(self._table.path, ObjectPath):
            # A writer of the same name may be at work on another machine; `vacuum` takes leftovers after a day.
            return
        expected = self._next_sequence()
        for folder in filter(None, (self._table.path, beside)):
            if folder.is_dir():
                with explain_disk_errors(folder, "sweeping"):
                    self._sweep_folder(folder, expected)

    def commit(
        self,
        rows: pa.Table,
        replaced: Sequence[StoredFile] = (),
        *,
        changes_data: bool = True,
        beside: Beside | None = None,
    ) -> StoredFile:
        """Write the rows as a shard and commit it, durably, in the place of others where some are given.

        `changes_data` is what the log says to those who follow it: False where the rows are the replaced ones.
        `beside` writes what is to be there once the shard is.

        Raises:
            StoreError, DeltaError, OSError: the table is as it was.
        """
        shard = self._write(rows, self._next_sequence())
        if beside is not None:
            beside(shard.path.name, rows)
        try:
            self._commit([shard], replaced, changes_data)
        except VersionTakenError:
            shard.path.unlink(missing_ok=True)
            raise
        self._table.sync_log(self.delta.version())
        reach(Failpoint.LOG_SYNCED)
        return shard

    def swap(self, old: Sequence[StoredFile], new: Sequence[StoredFile]) -> None:
        """Commit files that are written already in the place of others.

        Raises:
            StoreError, DeltaError, OSError: the table is as it was.
        """
        self._commit(new, old, changes_data=True)
        self._table.sync_log(self.delta.version())
        reach(Failpoint.LOG_SYNCED)

    def rewrite(self, tables: Iterable[pa.Table]) -> None:
        """Commit these rows, a shard for each table, in the place of everything, and the installed columns with them.

        Raises:
            StoreError, DeltaError, OSError: the table is as it was.
        """
        first = self._next_sequence()
        # A sequence for each, so that they are read in this order; the transaction is the last one's.
        added = [self._write(rows, first + place) for place, rows in enumerate(tables)]
        last = Transaction(self._transaction, first + max(len(added) - 1, 0))
        once = CommitProperties(app_transactions=[last], max_commit_retries=0)
        additions = _to_additions(added, changes_data=False)
        self.delta.create_write_transaction([*additions], "overwrite", self._schema, commit_properties=once)
        reach(Failpoint.SHARD_COMMITTED)
        self.delta.update_incremental()
        self._table.sync_log(self.delta.version())
        reach(Failpoint.LOG_SYNCED)

    def _sweep_folder(self, folder: Path, expected: int) -> None:
        remove_asides(folder)
        for path in folder.glob("*.parquet"):
            named = _NAME.fullmatch(path.name)
            if named and named[2] == self._writer and int(named[1]) >= expected:
                path.unlink(missing_ok=True)

    def _next_sequence(self) -> int:
        last = self.delta.transaction_version(self._transaction)
        return 0 if last is None else last + 1

    def _write(self, rows: pa.Table, sequence: int) -> StoredFile:
        data = encode_shard(rows)
        digest = hashlib.sha256(data).hexdigest()[:_HASH_HEX_DIGITS]
        path = self._table.path / f"{sequence:010d}-{self._writer}-{digest}.parquet"
        write_durably(path, memoryview(data))
        return StoredFile(path, rows.num_rows, data.size)

    def _commit(self, added: Sequence[StoredFile], replaced: Sequence[StoredFile], changes_data: bool) -> None:
        """Commit once: the log is asked again before every further try whether the last one got there after all."""
        sequence, pinned = self._next_sequence(), self.delta.version()
        for attempt in range(1, _COMMIT_TRIES + 1):
            try:
                self._commit_once(added, replaced, sequence, changes_data)
                break
            except CommitFailedError as error:
                self.delta.update_incremental()
                if self._has_arrived(added, pinned):
                    break
                if self.delta.version() > pinned:
                    raise VersionTakenError(
                        f"others committed to {self._table.path} first, time after time: run the same command again"
                    ) from error
                if attempt == _COMMIT_TRIES:
                    raise
                time.sleep(_RETRY_SECONDS * attempt)
        reach(Failpoint.SHARD_COMMITTED)
        self.delta.update_incremental()

    def _has_arrived(self, added: Sequence[StoredFile], pinned: int) -> bool:
        """Whether a version since has these files; by their names, for another machine may use the writer's."""
        names = {file.path.name for file in added}
        newer = range(pinned + 1, self.delta.version() + 1)
        return any(names and names <= added_files(self._table.path, version) for version in newer)

    def _commit_once(
        self, added: Sequence[StoredFile], replaced: Sequence[StoredFile], sequence: int, changes_data: bool
    ) -> None:
        now = time.time_ns() // 1_000_000
        removals = [RemoveAction(old.path.name, changes_data, now, old.size_bytes, {}) for old in replaced]
        additions = _to_additions(added, changes_data)
        # Delta would put a commit that comes second on top of the first, unseen.
        transaction = CommitProperties(
            app_transactions=[Transaction(self._transaction, sequence)], max_commit_retries=0
        )
        self.delta.create_write_transaction(
            [*removals, *additions], "append", self._schema, commit_properties=transaction
        )


def _to_additions(files: Sequence[StoredFile], changes_data: bool) -> list[AddAction]:
    now = time.time_ns() // 1_000_000
    return [
        AddAction(file.path.name, file.size_bytes, {}, now, changes_data, json.dumps({"numRecords": file.rows}))
        for file in files
    ]
