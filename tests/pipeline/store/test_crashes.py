"""Killed anywhere, any number of times, a run that is started again finishes its rows: each once, and nothing else."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.store import Store
from tracewright.pipeline.store.failpoints import VARIABLE, Failpoint
from tracewright.schemas import MissingInputError, StoreError

SCRIPT = Path(__file__).with_name("numbered_runs.py")
ROWS = 40
HITS = (1, 4)
"""Failpoints are passed for the store's marker, its tables and its shards in turn."""

Run = Callable[..., int]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """A function that runs a task in a child of a process that has imported everything, and tells how it ended."""
    with subprocess.Popen([sys.executable, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        requests, answers = runner.stdin, runner.stdout

        def start(store: Path, **task: Any) -> int:
            requests.write(json.dumps({"store": str(store), "count": ROWS, **task}) + "\n")
            requests.flush()
            return int(answers.readline())

        yield start
        requests.close()


def assert_whole(path: Path, rows: int = ROWS) -> None:
    """Every row is there once, nothing else is, and nothing is left over on the disk."""
    store = Store.open(path)
    names = {kind: sorted(f"row {n}" for n in range(rows) if n % 10 in digits) for kind, digits in KINDS.items()}
    assert sorted(trace.trace_id for trace in store.iter_traces()) == names["traces"]
    assert sorted(attempt.trace_id for attempt in store.attempts()) == names["attempts"]
    assert sorted(rejection.rejection_id for rejection in store.rejections()) == names["rejects"]
    assert sorted(store.frame()["trace_id"].to_list()) == names["traces"]
    for table in (store._tables.traces, store._tables.attempts, store._tables.rejections):
        assert {path for path in table.path.iterdir() if path.is_file()} == {file.path for file in table.files()}
    assert list((path / "journal").glob("*/*")) == []


KINDS = {"traces": range(8), "attempts": [8], "rejects": [9]}


def readable_rows(path: Path) -> int:
    """How many traces a reader sees now; 0 where the store is not made yet."""
    try:
        return len(list(Store.open(path).iter_traces()))
    except (MissingInputError, StoreError):
        return 0


@pytest.mark.parametrize("failpoint", Failpoint)
def test_a_kill_at_any_failpoint_costs_nothing(failpoint: Failpoint, run: Run, tmp_path: Path) -> None:
    ends: list[int] = []
    for hit in HITS:
        path = tmp_path / str(hit)
        ends.append(run(path, failpoint=failpoint, hit=hit))
        seen = readable_rows(path)
        assert run(path) == 0
        assert seen <= readable_rows(path)
        assert_whole(path)
    assert ends[0] == -signal.SIGKILL
    assert set(ends) <= {-signal.SIGKILL, 0}


def test_a_second_run_adds_nothing(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "store") == run(tmp_path / "store") == 0
    assert_whole(tmp_path / "store")


def test_kills_on_kills_cost_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "store"
    for failpoint in Failpoint:
        run(path, failpoint=failpoint, hit=2)
    assert run(path) == 0
    assert_whole(path)


def test_a_failpoint_is_armed_by_the_environment(tmp_path: Path) -> None:
    environment = {**os.environ, VARIABLE: f"{Failpoint.FILE_RENAMED}@1"}
    code = "import sys; from tracewright.pipeline.store import Store; Store.open(sys.argv[1], create=True)"
    ended = subprocess.run([sys.executable, "-c", code, tmp_path / "store"], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_random_kills_cost_nothing(run: Run, tmp_path: Path) -> None:
    rng = random.Random(0)
    kills = 0
    for number in range(40):
        path = tmp_path / str(number)
        for _ in range(6):
            kills += run(path, count=200, kill_after_seconds=rng.uniform(0, 0.35)) == -signal.SIGKILL
        assert run(path, count=200) == 0
        assert_whole(path, rows=200)
    assert kills >= 200
