"""What a learned process reward model says of a store's steps, kept beside the store under the model's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.filter import Filter
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.disk import make_folder, write_durably
from tracewright.pipeline.store.locks import WriterLock
from tracewright.pipeline.store.parquet import encode_shard
from tracewright.schemas import InputError, Trace

FOLDER = "rewards"
"""Of the store."""
PART_TRACES = 500
"""A part is written when so many traces are scored: a kill costs no more."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_SCHEMA = pa.schema([("trace_id", pa.string()), ("step", pa.int64()), ("reward", pa.float64())])


class ManyRewarder(Protocol):
    """Scores many completions, as `confidence.reward_model.PoolingRewardModel` does."""

    def score_many(self, completions: Iterable[tuple[str, Sequence[str]]]) -> Iterator[list[float]]:
        """One number from 0 to 1 for each step of each completion, in order."""
        ...


@dataclass
class RewardCounts:
    """What a call has done so far."""

    traces: int = 0
    present: int = 0
    """Scored by an earlier call."""
    steps: int = 0
    """New ones."""


def reward_store(
    store: Store,
    rewarder: ManyRewarder,
    name: str,
    report: Callable[[RewardCounts], None],
    where: Filter | None = None,
) -> RewardCounts:
    """Score the steps of a store's traces that are not scored yet; `read_rewards` gives them all back.

    The numbers are the model's own: confidence stays from signals (and rollouts) alone. Killed, the same call goes on
    after the last part that was written.

    Raises:
        EngineError: the model gave none; parts that were written stay.
        InputError: the name can't be a folder's.
        StoreError: another process scores this store, or the disk is full.
    """
    folder = rewards_folder(store, name)
    make_folder(folder)
    lock = WriterLock(store.local / "locks" / f"{FOLDER}.lock")
    try:
        counts = RewardCounts()
        for traces in _missing(store, where, _known(folder), counts):
            scores = rewarder.score_many((trace.problem.question, [s.text for s in trace.steps]) for trace in traces)
            table = _to_table(traces, list(scores))
            number = len(list(folder.glob("*.parquet")))
            write_durably(folder / f"{number:06d}.parquet", memoryview(encode_shard(table)))
            counts.traces += len(traces)
            counts.steps += table.num_rows
            report(counts)
        return counts
    finally:
        lock.release()


def read_rewards(store: Store, name: str) -> pa.Table:
    """Every scored step: trace_id, step (from 0) and reward."""
    parts = [pq.read_table(path) for path in sorted(rewards_folder(store, name).glob("*.parquet"))]
    return pa.concat_tables(parts) if parts else _SCHEMA.empty_table()


def rewards_folder(store: Store, name: str) -> Path:
    """Where a model's rewards are.

    Raises:
        InputError: the name can't be a folder's.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} can't name a reward model's folder: use up to 96 letters, digits and ._-")
    return store.local / FOLDER / name


def _known(folder: Path) -> set[str]:
    return {
        trace_id
        for path in folder.glob("*.parquet")
        for trace_id in pq.read_table(path, columns=["trace_id"])["trace_id"].to_pylist()
    }


def _missing(store: Store, where: Filter | None, known: set[str], counts: RewardCounts) -> Iterator[list[Trace]]:
    """The traces that have steps and no rewards, some at a time."""

    def wanted() -> Iterator[Trace]:
        for trace in store.iter_traces(where=where):
            if trace.trace_id in known:
                counts.present += 1
            elif trace.steps:
                yield trace

    traces = wanted()
    return iter(lambda: list(islice(traces, PART_TRACES)), [])


def _to_table(traces: Sequence[Trace], scores: Sequence[Sequence[float]]) -> pa.Table:
    rows = [
        (trace.trace_id, step, value)
        for trace, values in zip(traces, scores, strict=True)
        for step, value in enumerate(values)
    ]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], _SCHEMA)
