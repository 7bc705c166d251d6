"""Carrying takedowns out: `removals` says what is kept of them, `cutting` how rows leave a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracewright.pipeline.store.cutting import cut_table
from tracewright.pipeline.store.failpoints import RemovalPoint, reach
from tracewright.pipeline.store.locks import COMMIT_LOCK, WriterLock, hold
from tracewright.pipeline.store.removals import Removal, RemovalRecords, unfinished
from tracewright.pipeline.store.table import ModelTable
from tracewright.pipeline.store.top_logprobs import TopLogprobsFolder
from tracewright.schemas.ids import make_id

LOCK = "takedown.lock"


class Takedowns:
    """The takedowns of one store. `release.take_down` drives them, since releases must be withdrawn in between."""

    def __init__(self, root: Path, locks: Path, tables: Sequence[ModelTable[Any]]) -> None:
        """`tables` are those whose rows belong to traces."""
        self._records = RemovalRecords(root)
        self._top_logprobs = TopLogprobsFolder(root)
        self._locks = locks
        self._tables = tables

    def lock(self) -> WriterLock:
        """Held by the one takedown at work; to be released.

        Raises:
            StoreError: another one is at work.
        """
        return WriterLock(self._locks / LOCK)

    def read(self) -> list[Removal]:
        """Every takedown, the oldest first."""
        return self._records.read()

    def unfinished(self) -> list[Removal]:
        """Those that are under way or were killed."""
        return unfinished(self.read())

    def removed_ids(self) -> set[str]:
        """The ids of all traces that were taken down, those of unfinished takedowns included."""
        return {trace_id for removal in self.read() for trace_id in removal.trace_ids}

    def begin(self, where: str, reason: str, store_version: int, ids: Collection[str]) -> Removal:
        """Write the takedown down: from now on no writer adds one of these traces."""
        now = datetime.now(UTC)
        removal = Removal(
            removal_id=make_id("removal", where, reason, now.isoformat()),
            where=where,
            reason=reason,
            store_version=store_version,
            trace_ids=tuple(sorted(ids)),
            started_at=now,
        )
        self._records.write(removal)
        reach(RemovalPoint.RECORDED)
        return removal

    def cut(self, removal: Removal) -> None:
        """Take the rows out of every version of every table, and of what lies beside the shards."""
        with hold(self._locks / COMMIT_LOCK):  # a shard that is being written has its file or not yet its rows
            self._top_logprobs.remove(removal.trace_ids)
        for table in self._tables:
            if table.exists():
                cut_table(table, set(removal.trace_ids), self._records, self._locks)

    def finish(self, removal: Removal, releases: Sequence[str], unreachable: Sequence[str]) -> Removal:
        """Write down that it is done, and what became of the releases."""
        changes = {
            "finished_at": datetime.now(UTC),
            "releases": tuple(releases),
            "unreachable": tuple(unreachable),
        }
        done = removal.model_copy(update=changes)
        self._records.write(done)
        return done
