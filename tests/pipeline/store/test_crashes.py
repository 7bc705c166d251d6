"""Killed anywhere, any number of times, a run that is started again finishes its rows: each once, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.store import Store
from tracewright.pipeline.store.failpoints import VARIABLE, Failpoint
from tracewright.schemas import MissingInputError, StoreError

HITS = (1, 4)
"""Failpoints are passed for the store's marker, its tables and its shards in turn."""

Run = Callable[..., Any]
Check = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: half of a small run's time is `fsync`, which a SIGKILL can't tell."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


def readable_rows(path: Path) -> int:
    """How many traces a reader sees now; 0 where the store is not made yet."""
    try:
        return len(list(Store.open(path).iter_traces()))
    except (MissingInputError, StoreError):
        return 0


@pytest.mark.parametrize("failpoint", Failpoint)
def test_a_kill_at_any_failpoint_costs_nothing(
    failpoint: Failpoint, run: Run, assert_whole: Check, folder: Path
) -> None:
    ends: list[int] = []
    for hit in HITS:
        path = folder / str(hit)
        ends.append(run(path, failpoint=failpoint, hit=hit)["status"])
        seen = readable_rows(path)
        assert run(path)["status"] == 0
        assert seen <= readable_rows(path)
        assert_whole(path)
    assert ends[0] == -signal.SIGKILL
    assert set(ends) <= {-signal.SIGKILL, 0}


def test_a_second_run_adds_nothing(run: Run, assert_whole: Check, folder: Path) -> None:
    assert run(folder / "store") == run(folder / "store") == {"status": 0, "error": ""}
    assert_whole(folder / "store")


def test_kills_on_kills_cost_nothing(run: Run, assert_whole: Check, folder: Path) -> None:
    path = folder / "store"
    for failpoint in Failpoint:
        run(path, failpoint=failpoint, hit=2)
    assert run(path)["status"] == 0
    assert_whole(path)


def test_a_failpoint_is_armed_by_the_environment(folder: Path) -> None:
    environment = {**os.environ, VARIABLE: f"{Failpoint.FILE_RENAMED}@1"}
    code = "import sys; from tracewright.pipeline.store import Store; Store.open(sys.argv[1], create=True)"
    ended = subprocess.run([sys.executable, "-c", code, folder / "store"], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_random_kills_cost_nothing(run: Run, assert_whole: Check, folder: Path) -> None:
    rng = random.Random(0)
    kills = stores = 0
    while kills < 200:
        path, stores = folder / str(stores), stores + 1
        while run(path, count=200, kill_after_seconds=rng.uniform(0, 0.4))["status"] == -signal.SIGKILL:
            kills += 1
        assert run(path, count=200)["status"] == 0
        assert_whole(path, rows=200)
    assert stores > 10
