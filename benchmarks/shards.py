"""How fast traces become committed shards: from models, and from Arrow against pyarrow's bare write of the same table.

`bench shards`. On one core, on the disk that holds temporary files, into a store that is open. The bare write gets the
faster of two settings (with and without dictionaries), the same compression and the same row groups; it neither syncs,
derives columns, looks for known ids nor commits.
"""

from __future__ import annotations

import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.store import ShardLimits, Store
from tracewright.pipeline.store.parquet import COMPRESSION, COMPRESSION_LEVEL, ROW_GROUP_ROWS
from tracewright.schemas import (
    CheckOutcome,
    Outcome,
    Problem,
    Sampling,
    Signals,
    Span,
    Step,
    StepCheck,
    TeacherRef,
    Trace,
    Verdict,
    make_trace_id,
    to_table,
)

ROWS = 4_000
BATCH_ROWS = 500
"""Models that are alive at the same time."""
PAIRS = 7
STEPS = 20
TOKENS_PER_STEP = 12
SAMPLES = 4
"""Traces that share a problem."""
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_TEACHER = TeacherRef(
    model="bench", revision="1", dtype="float32", tokenizer_hash="t", template_hash="p", sampling=Sampling()
)


def run(seed: int = 0) -> dict[str, Any]:
    """Rows per second of each way, and the ratio of the Arrow path to the bare write: medians of interleaved rounds."""
    with _one_core(), tempfile.TemporaryDirectory() as folder:
        table = pa.concat_tables([to_table(Trace, batch) for batch in _make_batches(seed)])
        settings = _fastest_settings(table, Path(folder) / "bare.parquet")
        rounds = [_measure_round(table, settings, Path(folder) / str(number), seed) for number in range(PAIRS)]
        stored = sum(path.stat().st_size for path in Path(folder).glob("0/arrow/traces/*.parquet"))
    bare, arrow, models, models_cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "rows_per_second": round(ROWS / models),
        "rows_per_cpu_second": round(ROWS / models_cpu),
        "raw_rows_per_second": round(ROWS / bare),
        "arrow_rows_per_second": round(ROWS / arrow),
        "ratio": round(statistics.median(bare / arrow for bare, arrow, *_ in rounds), 3),
        "ratio_of_models": round(statistics.median(bare / models for bare, _, models, _ in rounds), 3),
        "bytes_per_row": round(stored / ROWS),
        "rows": ROWS,
        "pairs": PAIRS,
    }


def _measure_round(table: pa.Table, settings: dict[str, Any], folder: Path, seed: int) -> tuple[float, ...]:
    """Seconds of the bare write, the Arrow path and the models' path, one after the other, and the last one's on a CPU.

    On a machine that has other work, the seconds on a CPU are what one core can do.
    """
    folder.mkdir()
    gc.collect()
    bare = _seconds(lambda: _write_bare(table, folder / "bare.parquet", settings))
    return bare, _store_table(table, folder / "arrow"), *_store_models(folder / "models", seed)


def _write_bare(table: pa.Table, path: Path, settings: dict[str, Any]) -> None:
    pq.write_table(
        table,
        path,
        row_group_size=ROW_GROUP_ROWS,
        compression=COMPRESSION,
        compression_level=COMPRESSION_LEVEL,
        **settings,
    )


def _store_table(table: pa.Table, path: Path) -> float:
    with Store.open(path, create=True).writer(limits=_limits()) as writer:
        return _seconds(lambda: writer.add_table(table))


def _store_models(path: Path, seed: int) -> tuple[float, float]:
    added, seconds, cpu_seconds = 0, 0.0, 0.0
    with Store.open(path, create=True).writer(limits=_limits()) as writer:
        for batch in _make_batches(seed):
            gc.collect()
            started, cpu_started = time.perf_counter(), time.process_time()
            added += sum(map(writer.add_trace, batch))
            if added == ROWS:
                writer.flush()
            seconds += time.perf_counter() - started
            cpu_seconds += time.process_time() - cpu_started
    return seconds, cpu_seconds


def _limits() -> ShardLimits:
    return ShardLimits(rows=ROWS, size_bytes=2**30, seconds=3_600)


def _fastest_settings(table: pa.Table, path: Path) -> dict[str, Any]:
    candidates: list[dict[str, Any]] = [{"use_dictionary": True}, {"use_dictionary": False}]
    return min(
        candidates, key=lambda settings: min(_seconds(lambda: _write_bare(table, path, settings)) for _ in "123")
    )


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _one_core() -> Iterator[None]:
    cores, threads = os.sched_getaffinity(0), pa.cpu_count()
    os.sched_setaffinity(0, {min(cores)})
    pa.set_cpu_count(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        pa.set_cpu_count(threads)


def _make_batches(seed: int) -> Iterator[list[Trace]]:
    rng = random.Random(seed)
    for start in range(0, ROWS, BATCH_ROWS):
        yield [_make_trace(rng, number) for number in range(start, start + BATCH_ROWS)]


def _make_trace(rng: random.Random, number: int) -> Trace:
    subject = number // SAMPLES
    problem = Problem(
        question=f"A shop sells {subject} apples for {subject + 3} coins each. How many coins is that?",
        answer=str(subject * (subject + 3)),
        domain="arithmetic",
        level=2,
        source="bench",
    )
    steps = [_make_step(rng, index) for index in range(STEPS)]
    tokens = STEPS * TOKENS_PER_STEP
    text = "".join(step.text for step in steps)
    return Trace(
        trace_id=make_trace_id(problem, _TEACHER.fingerprint, number % SAMPLES),
        problem=problem,
        teacher=_TEACHER,
        sample=number % SAMPLES,
        prompt=problem.question,
        text=text,
        token_ids=tuple(rng.randrange(32_000) for _ in range(tokens)),
        token_logprobs=tuple(-rng.expovariate(3) for _ in range(tokens)),
        token_ends=tuple(len(text) * (index + 1) // tokens for index in range(tokens)),
        token_count=tokens,
        steps=tuple(steps),
        answer=problem.answer,
        verdict=Verdict(outcome=rng.choice(list(Outcome)), method="exact", reason="the answers are equal"),
        confidence=rng.random(),
        verifier_version="1",
        checker_version="1",
        calibration_version="1",
        engine="bench",
        seconds=rng.random(),
        created_at=_MOMENT,
    )


def _make_step(rng: random.Random, index: int) -> Step:
    left, right = rng.randrange(1_000), rng.randrange(1_000)
    text = f"Step {index + 1}: then {left} coins and {right} coins make {left + right} coins.\n".ljust(60)
    first = index * TOKENS_PER_STEP
    return Step(
        text=text,
        span=Span(start=index * 60, end=index * 60 + len(text)),
        token_span=Span(start=first, end=first + TOKENS_PER_STEP),
        signals=Signals(
            tokens=TOKENS_PER_STEP,
            mean_logprob=-rng.random(),
            min_logprob=-rng.random(),
            lowest_window_logprob=-rng.random(),
            tail_logprob=-rng.random(),
            entropy=rng.random(),
            self_certainty=rng.random(),
            margin=rng.random(),
            position=index / STEPS,
        ),
        confidence=rng.random(),
        check=StepCheck(outcome=CheckOutcome.HOLDS, reason=f"{left} + {right} = {left + right}", claims=1),
        depends_on=(index - 1,),
    )
