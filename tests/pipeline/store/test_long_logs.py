"""The log stays fast: checkpoints see to it that opening a store does not read every commit."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.transaction import AddAction

from tracewright.pipeline.store import ShardLimits, Store
from tracewright.schemas import Trace

COMMITS = 5_000
MAX_OPEN_SECONDS = 2.0
CHECKPOINT_COMMITS = 100
"""What Delta's own default is, and what this store's tables leave as it is."""


def test_a_checkpoint_is_written_every_hundred_commits(memory: Path, plant_traces: Callable[..., list[Trace]]) -> None:
    store = Store.open(memory / "store", create=True)
    with store.writer(limits=ShardLimits(rows=1)) as writer:
        for trace in plant_traces(CHECKPOINT_COMMITS + 5):
            writer.add_trace(trace)
    log = store.path / "traces/_delta_log"
    assert [path.name for path in log.glob("*.checkpoint.parquet")] == [f"{99:020d}.checkpoint.parquet"]
    assert json.loads((log / "_last_checkpoint").read_text())["version"] == 99
    assert len(Store.open(store.path).trace_ids()) == CHECKPOINT_COMMITS + 5


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_store_of_5000_commits_opens_within_two_seconds(memory: Path) -> None:
    store = Store.open(memory / "store", create=True)
    commit_shards_that_are_not_there(store, COMMITS)
    seconds: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        opened = Store.open(store.path)
        assert opened.version() == COMMITS
        assert len(opened._tables.traces.files()) == COMMITS
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < MAX_OPEN_SECONDS, seconds
    assert len(opened.history()) == COMMITS + 1


def commit_shards_that_are_not_there(store: Store, count: int) -> None:
    """A log as that many commits of a writer leave it: opening a store reads no shard."""
    path = store.path / "traces"
    schema = Schema.from_arrow(store._tables.traces.kind.schema.remove_metadata())
    table = DeltaTable(path)
    for number in range(count):
        added = AddAction(
            f"{number:010d}-main-{number:016x}.parquet", 9_000, {}, 1, True, json.dumps({"numRecords": 1})
        )
        once = CommitProperties(app_transactions=[Transaction("tracewright/main", number)])
        table.create_write_transaction([added], "append", schema, commit_properties=once)
        table.update_incremental()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)
