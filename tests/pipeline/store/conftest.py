"""What the store's tests fill stores with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.store import Store
from tracewright.schemas import Attempt, AttemptKind, FinishReason, Rejection, Trace

ROWS = 40
"""In a run, unless a test says otherwise."""
SMALL_DISK_BYTES = 3 * 2**20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture
def make_attempt() -> Callable[[Trace], Attempt]:
    """A function that cuts a trace short."""

    def make(trace: Trace, max_tokens: int = 5) -> Attempt:
        return Attempt(
            trace_id=trace.trace_id,
            problem=trace.problem,
            teacher=trace.teacher,
            sample=trace.sample,
            kind=AttemptKind.TRUNCATED,
            text=trace.text[:max_tokens],
            reason=f"cut at {max_tokens} tokens",
            finish_reason=FinishReason.LENGTH,
            max_tokens=max_tokens,
            token_count=max_tokens,
            engine="planted",
            created_at=trace.created_at,
        )

    return make


@pytest.fixture
def make_rejection() -> Callable[[str], Rejection]:
    """A function that rejects a row by its id."""

    def make(rejection_id: str) -> Rejection:
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        return Rejection(
            rejection_id=rejection_id, stage="read", subject="problems.jsonl:1", reason="no prompt", created_at=moment
        )

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB of its own."""
    disk = tmp_path / "small-disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., dict[str, Any]]]:
    """A function that runs a task of `numbered_runs.py` in a child, and tells how it ended."""
    script = Path(__file__).with_name("numbered_runs.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        requests, answers = runner.stdin, runner.stdout

        def start(store: Path, **task: Any) -> dict[str, Any]:
            requests.write(json.dumps({"store": str(store), "count": ROWS, **task}) + "\n")
            requests.flush()
            return json.loads(answers.readline())

        yield start
        requests.close()


@pytest.fixture
def assert_whole() -> Callable[..., None]:
    """A function that finds every row of a finished run once, nothing else, and nothing left over on the disk."""

    def check(path: Path, rows: int = ROWS) -> None:
        store = Store.open(path)
        numbers = {digit: [n for n in range(rows) if n % 10 == digit] for digit in range(10)}
        traces = sorted(f"row {n}" for digit in range(8) for n in numbers[digit])
        assert sorted(trace.trace_id for trace in store.iter_traces()) == traces
        assert sorted(store.frame()["trace_id"].to_list()) == traces
        assert sorted(attempt.trace_id for attempt in store.attempts()) == sorted(f"row {n}" for n in numbers[8])
        assert sorted(rejected.rejection_id for rejected in store.rejections()) == sorted(
            f"row {n}" for n in numbers[9]
        )
        for table in (store._tables.traces, store._tables.attempts, store._tables.rejections):
            assert {path for path in table.path.iterdir() if path.is_file()} == {file.path for file in table.files()}
        assert list((path / "journal").glob("*/*")) == []

    return check
