"""`tracewright generate` with the short config, killed with all of its processes again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tracewright.pipeline.store import Store

TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
MOCK_SERVER = Path(__file__).resolve().parents[2] / "benchmarks" / "_mock_server.py"
PROBLEMS = 400
START_TIMEOUT_SECONDS = 200

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """The short config of CONTRACTS.md, and a server for it."""
    subprocess.run([sys.executable, MOCK_SERVER, "--problems", str(PROBLEMS), tmp_path / "problems.jsonl"], check=True)
    command = [sys.executable, MOCK_SERVER, "--delay", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        path = tmp_path / "config.yaml"
        path.write_text(
            "problems: {path: problems.jsonl}\n"
            f'teacher: {{engine: server, base_urls: ["{url}"], model: mock, samples: 1, max_tokens: 1024, logprobs: 0, '
            "max_in_flight: 4}\n"
            "store: ./store\n"
        )
        yield path
        server.kill()


def run_and_kill(config: Path, after_seconds: float) -> int:
    """Start a run, wait until it works, kill its process group; its exit status."""
    store = config.parent / "store"
    known = set(store.glob("journal/*/*"))
    run = subprocess.Popen([TRACEWRIGHT, "generate", config], start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while run.poll() is None and set(store.glob("journal/*/*")) <= known and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after_seconds)
    members = [one.pid for one in psutil.Process(run.pid).children(recursive=True)] if run.poll() is None else []
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)
    status = run.wait()
    end_all(members)
    return status


def end_all(pids: list[int]) -> None:
    """Nothing of a killed run may be left after ten seconds."""
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert left == []


@pytest.mark.parametrize("kills", [5, 20])
def test_every_row_is_there_once_after_random_kills(config: Path, kills: int) -> None:
    rng = random.Random(kills)
    killed = 0
    for _ in range(kills):
        killed += run_and_kill(config, rng.uniform(0.0, 6.0 / kills)) == -signal.SIGKILL
    ended = subprocess.run([TRACEWRIGHT, "generate", config, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout.splitlines()[-1])["failed"] == 0
    store = Store.open(config.parent / "store")
    assert sorted(int(trace.problem.id) for trace in store.iter_traces()) == list(range(PROBLEMS))
    assert list(store.attempts()) == []
    assert list((config.parent / "store" / "journal").glob("*/*")) == []
    assert killed >= kills * 0.6
