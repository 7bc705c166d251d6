"""Runs that a test can kill: each line on stdin starts one in a forked child, and its end is printed.

A run does what generation does: it replays the journal, then writes every completion that the store lacks to the
journal, adds its row, and flushes. Row n is a trace, an attempt where n ends in 8, a rejection where it ends in 9.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tracewright.pipeline.store import ShardLimits, Store, TraceWriter, failpoints, journal
from tracewright.schemas import (
    Attempt,
    AttemptKind,
    FinishReason,
    Problem,
    Rejection,
    Sampling,
    Span,
    Step,
    StepCheck,
    StoreError,
    TeacherRef,
    Trace,
    Verdict,
)

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TEACHER = TeacherRef(
    model="m", revision="1", dtype="float32", tokenizer_hash="t", template_hash="p", sampling=Sampling()
)
ROWS_PER_SHARD = 16
TEXT_CHARS = 600
STORE_ERROR_STATUS = 3


def make_row(number: int) -> Trace | Attempt | Rejection:
    """Row `number`: the same every time."""
    name, text = f"row {number}", f"{number} " * (TEXT_CHARS // len(f"{number} "))
    problem = Problem(id=str(number), question=f"What is {number}+0?", answer=str(number), source="numbers")
    shared: dict[str, Any] = {
        "problem": problem,
        "teacher": TEACHER,
        "sample": 0,
        "text": text,
        "engine": "e",
        "created_at": MOMENT,
    }
    if number % 10 == 9:
        return Rejection(rejection_id=name, stage="read", subject=name, reason=text, created_at=MOMENT)
    if number % 10 == 8:
        reason = {"reason": "too long", "finish_reason": FinishReason.LENGTH}
        return Attempt(trace_id=name, kind=AttemptKind.TRUNCATED, **reason, **shared)
    step = Step(text=text, span=Span(start=0, end=len(text)), check=StepCheck(outcome="holds", reason="1=1", claims=1))
    return Trace(
        trace_id=name,
        prompt=problem.question,
        token_count=number,
        steps=(step,),
        verdict=Verdict(outcome="correct", method="exact", reason="equal"),
        verifier_version="1",
        checker_version="1",
        **shared,
    )


def run(path: str, first: int, count: int, writer_name: str = "main") -> None:
    """Finish rows `first` to `first + count - 1`, whatever an earlier run left undone."""
    store = Store.open(path, create=True)
    with store.writer(writer_name, ShardLimits(rows=ROWS_PER_SHARD)) as writer:
        for record, completion in writer.journal.replay():
            add(writer, make_row(completion["number"]), record)
        tried = store.attempt_ids()
        for number in range(first, first + count):
            row = make_row(number)
            if not (isinstance(row, Trace) and writer.has_trace(row.trace_id)) and f"row {number}" not in tried:
                add(writer, row, writer.journal.append({"number": number, "text": "x" * TEXT_CHARS}))


def add(writer: TraceWriter, row: Trace | Attempt | Rejection, record: int) -> None:
    if isinstance(row, Trace):
        writer.add_trace(row, record)
    elif isinstance(row, Attempt):
        writer.add_attempt(row, record)
    else:
        writer.add_rejection(row, record)


def arm(failpoint: str, hit: int) -> None:
    failpoints._armed, failpoints._count = failpoint, str(hit)


def start(task: dict[str, Any]) -> dict[str, Any]:
    """Run in a child: its exit status, −9 where it was killed, and the message of its StoreError if it raised one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        run_in_child(task, writing)
    os.close(writing)
    if "kill_after_seconds" in task:
        time.sleep(task["kill_after_seconds"])
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as message:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return {"status": status, "error": message.read()}


def run_in_child(task: dict[str, Any], message: int) -> None:
    status = 1
    try:
        arm(task.get("failpoint", ""), task.get("hit", 1))
        if "max_file_bytes" in task:
            resource.setrlimit(resource.RLIMIT_FSIZE, (task["max_file_bytes"], task["max_file_bytes"]))
        run(task["store"], task.get("first", 0), task["count"], task.get("writer", "main"))
        status = 0
    except StoreError as error:
        os.write(message, str(error).encode())
        status = STORE_ERROR_STATUS
    finally:
        os._exit(status)


def main() -> None:
    pa.array([])  # imports pandas, once for all children
    journal.SYNC_SECONDS = 0.01  # so that runs of half a second see it happen
    for line in sys.stdin:
        print(json.dumps(start(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
