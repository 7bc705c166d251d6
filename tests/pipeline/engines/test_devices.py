"""A device is lent to one run at a time, until the run and its engine are gone, and no kill leaks it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracewright.pipeline.engines.devices import DEVICES, VISIBLE, find_devices, lease_devices
from tracewright.schemas import EngineError

KILLS = 20
HOLD = """
import signal, subprocess, sys
from pathlib import Path
from tracewright.pipeline.engines.devices import lease_devices
with lease_devices(1, lambda text: print(text, flush=True), Path(sys.argv[1])) as devices:
    if len(sys.argv) > 2:
        code = (
            "import sys; from tracewright.pipeline.engines.devices import share_devices;"
            "share_devices(); print('shared', flush=True); sys.stdin.read()"
        )
        engine = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        engine.stdout.readline()
        print(engine.pid, flush=True)
    print(*devices, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICES, "0")
    monkeypatch.delenv(VISIBLE, raising=False)


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def read(run: subprocess.Popen[str]) -> str:
    assert run.stdout is not None
    return run.stdout.readline().strip()


def end(run: subprocess.Popen[str]) -> None:
    run.kill()
    run.communicate()


def test_a_second_run_waits_and_says_for_whom(tmp_path: Path) -> None:
    first = start(tmp_path)
    assert read(first) == "0"
    second = start(tmp_path)
    assert f"waiting for a device of 0: lent to process {first.pid}" == read(second)
    end(first)
    assert read(second) == "0"
    end(second)


def take_again_and_again(folder: Path) -> int:
    """The id of a child that takes the device, holds it for a moment, and takes it again."""
    child = os.fork()
    if child == 0:
        while True:
            with lease_devices(1, lambda text: None, folder):
                time.sleep(0.001)
    return child


def test_twenty_kills_leak_no_device(tmp_path: Path) -> None:
    rng = random.Random(0)
    for _ in range(KILLS):
        child = take_again_and_again(tmp_path)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with lease_devices(1, pytest.fail, tmp_path) as devices:
            assert devices == ("0",)


def test_a_device_stays_lent_while_the_engine_of_a_killed_run_lives(tmp_path: Path) -> None:
    run = start(tmp_path, "with engine")
    engine, device = int(read(run)), read(run)
    assert device == "0"
    run.kill()
    run.wait()
    waits: list[str] = []

    def let_go(text: str) -> None:
        waits.append(text)
        os.kill(engine, signal.SIGKILL)

    with lease_devices(1, let_go, tmp_path):
        assert len(waits) == 1
    run.communicate()


def test_runs_get_different_devices_and_engines_see_these_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEVICES, "0,1")
    other = start(tmp_path)
    assert read(other) == "0"
    with lease_devices(1, pytest.fail, tmp_path) as devices:
        assert devices == ("1",) and os.environ[VISIBLE] == "1"
        with lease_devices(1, pytest.fail, tmp_path) as inner:
            assert inner == (), "the run holds it already"
    assert VISIBLE not in os.environ
    end(other)


def test_more_devices_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="2 devices are needed and this machine has 1"), lease_devices(2, print):
        pass


def test_a_machine_without_devices_lends_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICES, "")
    assert find_devices() == ()
    with lease_devices(1, pytest.fail, tmp_path) as devices:
        assert devices == ()
