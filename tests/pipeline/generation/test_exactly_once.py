"""Killed anywhere, any number of times, a config that is run again has every sample once, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.store import Store
from tracewright.pipeline.store.failpoints import Failpoint

REFUSED_STATUS = 3
KILLS = 5
MANY_KILLS = 200
KILLS_OF_A_STORE = 20
SMALL_DISK_BYTES = 4 * 2**20

Run = Callable[..., Any]
Write = Callable[..., Path]
Check = Callable[..., None]


@pytest.mark.parametrize("failpoint", Failpoint)
def test_a_kill_at_any_failpoint_costs_nothing(
    failpoint: Failpoint, run: Run, write_config: Write, assert_whole: Check, folder: Path
) -> None:
    config = write_config(folder)
    assert run(config, failpoint=failpoint)["status"] == -signal.SIGKILL
    assert run(config, failpoint=failpoint, hit=3)["status"] in (-signal.SIGKILL, 0)
    assert run(config) == {"status": 0, "error": ""}
    assert_whole(config)


def test_the_short_config_survives_five_random_kills(
    run: Run, write_config: Write, assert_whole: Check, folder: Path
) -> None:
    rng = random.Random(5)
    config = write_config(folder, problems=200)
    ends = [run(config, in_work=True, kill_after_seconds=rng.uniform(0, 0.25))["status"] for _ in range(KILLS)]
    assert ends.count(-signal.SIGKILL) >= 3
    assert run(config)["status"] == 0
    assert_whole(config)


def test_two_generators_on_one_store_never_write_a_row_twice(
    run: Run, write_config: Write, assert_whole: Check, folder: Path
) -> None:
    config = write_config(folder)
    ends = run(config, config)
    assert sorted(end["status"] for end in ends) == [0, REFUSED_STATUS]
    refused = next(end["error"] for end in ends if end["status"])
    assert "is writing to the store" in refused and "wait until it is done" in refused
    assert_whole(config)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own."""
    disk = tmp_path / "small-disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_ends_the_run_and_loses_nothing(
    run: Run, write_config: Write, assert_whole: Check, small_disk: Path
) -> None:
    config = write_config(small_disk)
    assert run(config, in_work=True, kill_after_seconds=0.1)["status"] == -signal.SIGKILL
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4_096))
    ended = run(config)
    assert ended["status"] == REFUSED_STATUS
    assert "No space left on device" in ended["error"] and "run the same command again" in ended["error"]
    filler.unlink()
    assert run(config)["status"] == 0
    assert_whole(config)


def test_a_read_only_store_is_refused_in_words(
    run: Run, write_config: Write, assert_whole: Check, small_disk: Path
) -> None:
    config = write_config(small_disk)
    assert run(config, in_work=True, kill_after_seconds=0.1)["status"] == -signal.SIGKILL
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = run(config)
    assert ended["status"] == REFUSED_STATUS and "Read-only file system" in ended["error"]
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert run(config)["status"] == 0
    assert_whole(config)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_random_kills_cost_nothing(run: Run, write_config: Write, assert_whole: Check, folder: Path) -> None:
    rng = random.Random(0)
    kills = stores = 0
    while kills < MANY_KILLS:
        config, stores = write_config(folder / str(stores), problems=150, samples=2), stores + 1
        for _ in range(KILLS_OF_A_STORE):
            # Half of them in the middle of the work, half at any moment, the start included.
            task = {"in_work": rng.random() < 0.5, "kill_after_seconds": rng.uniform(0, 0.6)}
            kills += run(config, **task)["status"] == -signal.SIGKILL
        seen = Store.open(folder / str(stores - 1) / "store").trace_ids()
        assert run(config)["status"] == 0
        assert seen <= Store.open(folder / str(stores - 1) / "store").trace_ids()
        assert_whole(config, samples=2)
    assert stores >= MANY_KILLS / KILLS_OF_A_STORE
