"""An ablation's processes end with it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

_RUN = """
import multiprocessing, os, time
from tracewright.flows.ablate import end_with_run
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2, end_with_run, (os.getpid(),)) as pool:
        print(*{pool.apply(os.getpid) for _ in range(8)} | {one.pid for one in pool._pool}, flush=True)
        time.sleep(600)
"""


def test_a_killed_run_leaves_no_worker(tmp_path: Path) -> None:
    (script := tmp_path / "run.py").write_text(_RUN)
    run = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    workers = [int(pid) for pid in run.stdout.readline().split()]
    assert len(workers) == 2 and all(map(psutil.pid_exists, workers))
    run.kill()
    run.wait()
    deadline = time.monotonic() + 10
    while any(map(psutil.pid_exists, workers)):
        assert time.monotonic() < deadline
