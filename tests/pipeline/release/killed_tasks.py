"""Tasks on a store that a test can kill: each line on stdin starts one in a forked child, and its end is printed."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from tracewright.pipeline.release import create_release, take_down, vacuum_store
from tracewright.pipeline.store import CompactionLimits, Store, failpoints
from tracewright.schemas import TracewrightError


def do(task: dict[str, Any]) -> None:
    store = Store.open(task["store"])
    match task["do"]:
        case "take down":
            take_down(store, task["where"], "the source asked for it")
        case "compact":
            store.compact(CompactionLimits(rows=300))
        case "vacuum":
            vacuum_store(store, keep=timedelta())
        case "release":
            create_release(store, Path(task["out"]), name="sums")


def start(task: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            failpoints._armed, failpoints._count = task.get("failpoint", ""), str(task.get("hit", 1))
            do(task)
            status = 0
        except TracewrightError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as message:
        return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "error": message.read()}


if __name__ == "__main__":
    pa.array([])  # imports pandas, once for all children
    for line in sys.stdin:
        print(json.dumps(start(json.loads(line))), flush=True)
