"""The one way of adding traces, attempts and rejections to a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from tracewright.pipeline.store.facts import make_attempt_id
from tracewright.pipeline.store.journal import Journal
from tracewright.pipeline.store.lane import Lane, ShardLimits
from tracewright.pipeline.store.locks import COMMIT_LOCK, WriterLock
from tracewright.pipeline.store.shards import ShardAppender
from tracewright.pipeline.store.table import ModelTable
from tracewright.pipeline.store.top_logprobs import TopLogprobs
from tracewright.schemas.errors import StoreError
from tracewright.schemas.trace import Attempt, Rejection, Trace


@dataclass(frozen=True)
class StoreTables:
    """The Delta tables of a store."""

    traces: ModelTable[Trace]
    attempts: ModelTable[Attempt]
    rejections: ModelTable[Rejection]


class TraceWriter:
    """Adds rows in shards; adding what the store holds already does nothing, so that every run can be run again.

    A row is in the store when its shard is committed: at the limits, at `flush`, and when the `with` block ends (by an
    exception too). Until then it lives in memory. `journal` keeps the completion it came from meanwhile: append that,
    add the row with the record's number, and the record is settled when the row is stored. Not for two threads.
    """

    def __init__(self, tables: StoreTables, locks: Path, journal: Path, name: str, limits: ShardLimits) -> None:
        """Take the writer's lock, sweep what a killed writer left, and look at what the store holds.

        Raises:
            StoreError: another writer of that name is at work, or the store can't be written.
        """
        self._limits = limits
        self._lock = WriterLock(locks / f"{name}.lock")
        try:
            self._traces = _make_lane(tables.traces, locks, name, limits)
            self._attempts = _make_lane(tables.attempts, locks, name, limits)
            self._rejections = _make_lane(tables.rejections, locks, name, limits)
            self.journal = Journal(journal)
        except BaseException:
            self._lock.release()
            raise

    def add_trace(self, trace: Trace, record: int | None = None, top_logprobs: TopLogprobs | None = None) -> bool:
        """Add a trace, and what is to lie beside its shard; False if the store, or this writer, has it already."""
        return self._add(self._traces, trace, trace.trace_id, record, top_logprobs)

    def add_attempt(self, attempt: Attempt, record: int | None = None) -> bool:
        """Add an attempt; False if one with the same limit, text and reason is there for its trace already."""
        return self._add(self._attempts, attempt, make_attempt_id(attempt), record)

    def add_rejection(self, rejection: Rejection, record: int | None = None) -> bool:
        """Add a rejection; False if the store, or this writer, has one with its id already."""
        return self._add(self._rejections, rejection, rejection.rejection_id, record)

    def add_table(self, traces: pa.Table) -> int:
        """Add traces that are Arrow already, in the schema of `Trace`; how many of them were new.

        The rows are taken as they are: that they fit the model is the caller's word.

        Raises:
            InputError: the table's columns are not those of `Trace`, or an id is missing.
        """
        added = 0
        for start in range(0, traces.num_rows, self._limits.rows):
            added += self._traces.add_table(traces.slice(start, self._limits.rows))
            self._commit_if_due(self._traces)
        return added

    def add_scored(
        self, traces: pa.Table, records: Iterable[int], top_logprobs: Mapping[str, TopLogprobs] | None = None
    ) -> int:
        """Add traces that are Arrow already, each with the number of its record, and what is to lie beside them by
        their ids; how many of them were new.

        Raises:
            InputError: the table's columns are not those of `Trace`, or an id is missing.
        """
        added = self._traces.add_table(traces, top_logprobs)
        for record in records:
            self._traces.add_record(record)
        self._commit_if_due(self._traces)
        return added

    def has_trace(self, trace_id: str) -> bool:
        """Whether the store or this writer has the trace."""
        return self._traces.holds(trace_id) or self._traces.awaits(trace_id)

    def flush(self) -> None:
        """Commit what was added.

        Raises:
            StoreError: what was committed before is intact; what was not still waits here, for another `flush`.
        """
        for lane in (self._traces, self._attempts, self._rejections):
            self.journal.settle(lane.commit())

    def close(self) -> None:
        """Close the journal and let another writer in; rows that were not flushed are dropped, their records stay."""
        try:
            self.journal.close()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, StoreError):
                self.flush()
        finally:
            self.close()

    def _add(
        self, lane: Lane[Any], row: Any, key: str, record: int | None, top_logprobs: TopLogprobs | None = None
    ) -> bool:
        if lane.holds(key):
            if record is not None:
                self.journal.settle([record])
            return False
        if lane.awaits(key):
            if record is not None:
                lane.add_record(record)
            return False
        lane.add(row, key, record, top_logprobs)
        self._commit_if_due(lane)
        return True

    def _commit_if_due(self, lane: Lane[Any]) -> None:
        if lane.is_due:
            self.journal.settle(lane.commit())


def _make_lane(table: ModelTable[Any], locks: Path, name: str, limits: ShardLimits) -> Lane[Any]:
    return Lane(ShardAppender(table, name, locks / COMMIT_LOCK), table.kind, limits)
