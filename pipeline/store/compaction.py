"""Many small shards become few large ones: the same rows in a new version; older versions stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tracewright.pipeline.store.commits import ShardCommitter, until_committed
from tracewright.pipeline.store.locks import COMMIT_LOCK, WriterLock, hold
from tracewright.pipeline.store.reading import read_shard
from tracewright.pipeline.store.table import ModelTable, StoredFile, explain_delta_errors

COMPACTOR = "compact"
"""The writer's name; one compaction runs at a time."""


@dataclass(frozen=True)
class CompactionLimits:
    """How large a shard may become: whichever comes first."""

    rows: int = 50_000
    size_bytes: int = 128 * 2**20
    """On the disk; a shard is whole in memory while it is written, some five times as large."""


@dataclass(frozen=True)
class Compaction:
    """What was done to one table."""

    table: str
    shards_before: int
    shards_after: int


def compact_table(table: ModelTable[Any], locks: Path, limits: CompactionLimits) -> Compaction:
    """Join neighbouring shards up to the limits, each new one in a commit of its own.

    Killed between two commits it has done some of the work; run again, it does the rest. Writers wait for one commit.

    Raises:
        StoreError: another compaction is at work, or the disk is full; the table is whole and says the same.
    """
    lock = WriterLock(locks / f"{COMPACTOR}.lock")
    try:
        with hold(locks / COMMIT_LOCK), explain_delta_errors(table.path, "compacting"):
            ShardCommitter(table, COMPACTOR).sweep()
        before = len(table.files())
        for group in _plan(table.files(), limits):
            _join(table, group, locks)
        return Compaction(table.kind.folder, before, len(table.files()))
    finally:
        lock.release()


def _plan(files: Sequence[StoredFile], limits: CompactionLimits) -> Iterator[list[StoredFile]]:
    """Runs of two and more neighbours that fit into one shard."""
    group: list[StoredFile] = []
    for file in files:
        rows = sum(one.rows for one in group) + file.rows
        size_bytes = sum(one.size_bytes for one in group) + file.size_bytes
        if group and (rows > limits.rows or size_bytes > limits.size_bytes):
            yield from [group] if len(group) > 1 else []
            group = []
        group.append(file)
    yield from [group] if len(group) > 1 else []


def _join(table: ModelTable[Any], group: Sequence[StoredFile], locks: Path) -> None:
    """One commit; a group of which someone replaced a shard meanwhile is left for the next time."""
    rows = pa.concat_tables([read_shard(file, table.kind) for file in group])

    def join() -> None:
        committer = ShardCommitter(table, COMPACTOR)
        if set(group) <= set(table.list_files(committer.delta)):
            committer.commit(rows, group, changes_data=False)

    with hold(locks / COMMIT_LOCK), explain_delta_errors(table.path, "committing to"):
        until_committed(join)
