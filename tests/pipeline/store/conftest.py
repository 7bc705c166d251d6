"""What the store's tests fill stores with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tracewright.pipeline.store import Store
from tracewright.schemas import Attempt, AttemptKind, FinishReason, Rejection, Trace

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
