"""How fast a release of 100,000 traces is verified, against hashing its files and nothing else; and how it is made.

`bench releases`. Verification reads every byte, compares every hash and every row count. The peer is the bare SHA-256
of the same files, read in the same blocks, on one thread. Files are in the page cache for both.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracewright.pipeline.release import create_release, open_release, verify_release
from tracewright.pipeline.store import ShardLimits, Store
from tracewright.schemas import (
    CheckOutcome,
    Outcome,
    Problem,
    Sampling,
    Span,
    Step,
    StepCheck,
    TeacherRef,
    Trace,
    Verdict,
    make_trace_id,
    to_table,
)

ROWS = 100_000
BATCH_ROWS = 2_000
SAMPLES = 4
STEPS = 8
PAIRS = 5
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_TEACHER = TeacherRef(
    model="bench", revision="1", dtype="float32", tokenizer_hash="t", template_hash="p", sampling=Sampling()
)


def run(seed: int = 0) -> dict[str, Any]:
    """Megabytes of Parquet verified each second, and the ratio to bare hashing: medians of interleaved pairs."""
    with tempfile.TemporaryDirectory() as folder:
        store = _fill(Path(folder) / "store", seed)
        out = Path(folder) / "release"
        creating = _seconds(lambda: create_release(store, out, name="bench", pictures=False))
        files = sorted(out.glob("data/*.parquet"))
        size = sum(path.stat().st_size for path in files)
        verify_release(out)
        rounds = [(_seconds(lambda: verify_release(out)), _seconds(lambda: _hash_all(files))) for _ in range(PAIRS)]
        reading = _seconds(lambda: sum(batch.num_rows for batch in open_release(out).iter_batches("train", seed=1)))
    verifying, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "mb_per_second": round(size / verifying / 1e6),
        "best_mb_per_second": round(size / min(own for own, _ in rounds) / 1e6),
        "bare_mb_per_second": round(size / bare / 1e6),
        "ratio": round(statistics.median(bare / own for own, bare in rounds), 2),
        "parquet_mb": round(size / 1e6, 1),
        "rows": ROWS,
        "create_seconds": round(creating, 1),
        "shuffled_rows_per_second": round(0.9 * ROWS / reading),
        "pairs": PAIRS,
    }


def _hash_all(paths: list[Path]) -> None:
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def _fill(path: Path, seed: int) -> Store:
    store = Store.open(path, create=True)
    with store.writer(limits=ShardLimits(rows=20_000, size_bytes=2**30, seconds=3_600)) as writer:
        for batch in _make_batches(seed):
            writer.add_table(to_table(Trace, batch))
    return store


def _make_batches(seed: int) -> Iterator[list[Trace]]:
    rng = random.Random(seed)
    for start in range(0, ROWS, BATCH_ROWS):
        yield [_make_trace(rng, number) for number in range(start, start + BATCH_ROWS)]


def _make_trace(rng: random.Random, number: int) -> Trace:
    subject = number // SAMPLES
    words = "".join(random.Random(subject).choices(string.ascii_lowercase + " ", k=120))
    problem = Problem(question=f"{words} {subject}?", answer=str(subject), source="bench", domain="algebra", level=2)
    texts = ["".join(rng.choices(string.ascii_lowercase + "  0123456789", k=90)) + "\n" for _ in range(STEPS)]
    steps = tuple(
        Step(
            text=text,
            span=Span(start=91 * index, end=91 * (index + 1)),
            confidence=rng.random(),
            check=StepCheck(outcome=CheckOutcome.HOLDS, reason="1 = 1", claims=1),
        )
        for index, text in enumerate(texts)
    )
    return Trace(
        trace_id=make_trace_id(problem, _TEACHER.fingerprint, number % SAMPLES),
        problem=problem,
        teacher=_TEACHER,
        sample=number % SAMPLES,
        prompt=problem.question,
        text="".join(texts),
        token_count=240,
        steps=steps,
        answer=problem.answer,
        verdict=Verdict(outcome=rng.choice(list(Outcome)), method="exact", reason="the answers are equal"),
        confidence=rng.random(),
        verifier_version="1",
        checker_version="1",
        engine="bench",
        created_at=_MOMENT,
    )


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
