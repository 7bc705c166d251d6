"""One writer at a time under each name, and no row twice whoever writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tracewright.pipeline.store import ShardLimits, Store
from tracewright.schemas import StoreError, Trace

HOLD_A_WRITER = """
import sys, time
from tracewright.pipeline.store import Store
with Store.open(sys.argv[1]).writer():
    print("writing", flush=True)
    time.sleep(600)
"""


def test_a_second_writer_is_told_who_writes(store: Store) -> None:
    with store.writer(), pytest.raises(StoreError, match=f"process {os.getpid()} is writing to the store"):
        store.writer()
    with store.writer():
        pass


def test_a_killed_writer_leaves_the_store_open(store: Store) -> None:
    command = [sys.executable, "-c", HOLD_A_WRITER, str(store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreError, match=f"process {holder.pid} is writing"):
            store.writer()
        assert Store.open(store.path).version() == 0
        holder.send_signal(signal.SIGKILL)
    with store.writer():
        pass


def test_a_child_that_outlives_its_parent_does_not_keep_the_store_shut(store: Store) -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        _write_and_die_leaving_a_child(store, writing)
    os.close(writing)
    os.waitpid(parent, 0)
    orphan = int(os.read(reading, 20))
    try:
        with store.writer():
            pass
    finally:
        os.kill(orphan, signal.SIGKILL)


def _write_and_die_leaving_a_child(store: Store, pipe: int) -> None:
    from tracewright.pipeline.store.locks import WriterLock

    lock = WriterLock(store.path / "locks" / "main.lock")
    if (child := os.fork()) == 0:
        time.sleep(600)
    os.write(pipe, str(child).encode())
    assert lock
    os.kill(os.getpid(), signal.SIGKILL)


def test_writers_of_different_names_store_no_row_twice(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(30)
    with store.writer("left", ShardLimits(rows=5)) as left, store.writer("right", ShardLimits(rows=7)) as right:
        for trace, other in zip(traces[:20], traces[10:], strict=True):
            left.add_trace(trace)
            right.add_trace(other)
    ids = [trace.trace_id for trace in store.iter_traces()]
    assert sorted(ids) == sorted(trace.trace_id for trace in traces)


def test_a_new_writer_leaves_the_others_files_alone(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(10)
    with store.writer("left") as left:
        left.add_trace(traces[0])
        left.flush()
        with store.writer("right") as right:
            right.add_trace(traces[1])
        left.add_trace(traces[2])
    assert len(list(store.iter_traces())) == 3


def test_a_shard_that_was_never_committed_is_swept(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    with store.writer() as writer:
        for trace in plant_traces(3):
            writer.add_trace(trace)
    folder = store.path / "traces"
    (stored,) = folder.glob("*.parquet")
    orphan = folder / f"0000000001-main-{'0' * 16}.parquet"
    strangers = [folder / f"0000000001-other-{'0' * 16}.parquet", folder / "part-00001-of-delta.parquet"]
    aside = folder / "_aside-0000000001-main.parquet"
    for path in (orphan, aside, *strangers):
        path.write_bytes(stored.read_bytes())
    assert len(store.trace_ids()) == 3
    with store.writer():
        pass
    assert sorted(folder.glob("*.parquet")) == sorted([stored, *strangers])


@pytest.mark.slow
def test_eight_processes_at_once_lose_nothing(store: Store) -> None:
    script = Path(__file__).with_name("numbered_runs.py")
    writers = [
        subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for number, writer in enumerate(writers):
        task = {"store": str(store.path), "first": number * 50, "count": 200, "writer": f"w{number}"}
        assert writer.stdin is not None
        writer.stdin.write(json.dumps(task) + "\n")
        writer.stdin.flush()
    assert [writer.communicate(timeout=300)[0] for writer in writers] == ['{"status": 0, "error": ""}\n'] * 8
    ids = [trace.trace_id for trace in store.iter_traces()]
    assert sorted(ids) == sorted(f"row {n}" for n in range(7 * 50 + 200) if n % 10 < 8)
    assert len(list(store.attempts())) == len(list(store.rejections())) == 55
