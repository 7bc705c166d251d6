"""Runs of a config that a test can kill: each line on stdin starts one in a forked child, and its end is printed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tracewright.pipeline.config import GenerateConfig, load_config
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import run_config
from tracewright.pipeline.store import ShardLimits, Store, failpoints, journal
from tracewright.schemas import TracewrightError

ROWS_PER_SHARD = 16
REFUSED_STATUS = 3


def run(task: dict[str, Any]) -> None:
    """What `tracewright generate` does, without Prefect."""
    config = load_config(GenerateConfig, Path(task["config"]))
    store = Store.open(config.store, create=True)
    with RunningTeacher(config.teacher, config.store / "logs" / "engine.log") as teacher:
        run_config(
            config,
            store,
            teacher,
            lambda counts: None,
            retry_failed=task.get("retry_failed", False),
            limits=ShardLimits(rows=ROWS_PER_SHARD),
        )


def run_in_child(task: dict[str, Any], message: int) -> None:
    """End with 0, or with the error's message."""
    os.setpgid(0, 0)
    status = 1
    try:
        failpoints._armed, failpoints._count = task.get("failpoint", ""), str(task.get("hit", 1))
        run(task)
        status = 0
    except TracewrightError as error:
        os.write(message, str(error).encode())
        status = REFUSED_STATUS
    finally:
        os._exit(status)


def start(task: dict[str, Any]) -> tuple[int, int]:
    """The child and the pipe that its message comes through."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        run_in_child(task, writing)
    os.close(writing)
    return child, reading


def finish(child: int, reading: int) -> dict[str, Any]:
    """How it ended."""
    with os.fdopen(reading) as message:
        error = message.read()
        return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "error": error}


def kill_after(child: int, task: dict[str, Any]) -> None:
    """Wait, perhaps until the journal is in use, and kill the whole process group."""
    store = Path(json.loads(Path(task["config"]).read_text())["store"])
    deadline = time.monotonic() + 30
    while task.get("in_work") and not list(store.glob("journal/*/*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(task["kill_after_seconds"])
    os.kill(child, signal.SIGKILL)


def main() -> None:
    """Serve tasks; two of one line run at once."""
    journal.SYNC_SECONDS = 0.01
    for line in sys.stdin:
        tasks = json.loads(line)
        children = [(start(task), task) for task in tasks]
        for (child, _), task in children:
            if "kill_after_seconds" in task:
                kill_after(child, task)
        print(json.dumps([finish(*child) for child, _ in children]), flush=True)


if __name__ == "__main__":
    main()
