"""Slow proofs: random texts for minutes, and memory over many verifications."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tracewright.pipeline.verify import AnswerCase, AnswerVerifier
from tracewright.schemas import Outcome

HERE = Path(__file__).parent
FUZZ_SECONDS = float(os.environ.get("TRACEWRIGHT_FUZZ_SECONDS", "600"))
MAX_CASE_SECONDS = 3.0
VERIFICATIONS = 100_000
BATCH = 1_000
WORKER_VERIFICATIONS = 1_200
"""More than two workers answer: each is replaced after 500."""
MAX_GROWTH_BYTES = 16 * 1024**2
MAX_WORKER_BYTES = 256 * 1024**2
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def table_rows() -> list[dict[str, Any]]:
    """All rows of the tables, but those that run programs."""
    tables = [path for path in sorted((HERE / "cases").glob("*.json")) if path.stem not in ("code", "hostile")]
    return [row for path in tables for row in json.loads(path.read_text(encoding="utf-8"))]


def test_random_texts_end_in_a_verdict_in_time() -> None:
    pieces: list[str] = json.loads((HERE / "pieces.json").read_text(encoding="utf-8"))
    texts = [row[key] for row in table_rows() for key in ("gold", "prediction")]
    seed = random.randrange(10**9)
    rng = random.Random(seed)
    count, slowest, deadline = 0, 0.0, time.monotonic() + FUZZ_SECONDS
    with AnswerVerifier(workers=1, timeout_seconds=2.0) as verifier:
        verifier.start()
        while time.monotonic() < deadline:
            gold = mutate(rng, rng.choice(texts), pieces)
            prediction = mutate(rng, gold if rng.random() < 0.3 else rng.choice(texts), pieces)
            kind = rng.choice(["math", "math", "math", "choice", "text"])
            started = time.process_time()
            verdict = verifier.verify(gold, prediction, kind=kind)
            # Processor time: on a machine that others use, the clock says nothing of this process.
            seconds = time.process_time() - started
            assert seconds < MAX_CASE_SECONDS, (seed, gold, prediction, kind, verdict)
            count, slowest = count + 1, max(slowest, seconds)
    print(f"{count} cases from seed {seed}, the slowest {slowest:.2f} s of this process's time")


def worker_sizes() -> list[int]:
    """Resident bytes of every process below this one."""
    return [child.memory_info().rss for child in psutil.Process().children(recursive=True)]


def mutate(rng: random.Random, text: str, pieces: list[str]) -> str:
    """The text with pieces put in, cut out and repeated."""
    for _ in range(rng.randint(0, 6)):
        start, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        change = rng.choice(["insert", "cut", "repeat", "join"])
        if change == "insert":
            text = text[:start] + rng.choice(pieces) + text[start:]
        elif change == "cut":
            text = text[:start] + text[min(end, start + 5) :]
        elif change == "repeat":
            text = text[:start] + text[start:end] * rng.choice([2, 3, 20]) + text[end:]
        else:
            text += "".join(rng.choices(pieces, k=5))
    return text[:20_000]


def test_resident_size_is_flat_over_many_verifications() -> None:
    cases = [AnswerCase.model_validate({**row, "policy": row.get("policy", {})}) for row in table_rows()]
    process = psutil.Process()
    with AnswerVerifier(workers=1, timeout_seconds=20) as verifier:
        verifier.start()
        list(verifier.verify_many(cases * 2))
        before = process.memory_info().rss
        largest_worker, errors = 0, 0
        for done in range(0, VERIFICATIONS, BATCH):
            batch = (cases[number % len(cases)] for number in range(done, done + BATCH))
            errors += sum(verdict.outcome is Outcome.ERROR for verdict in verifier.verify_many(batch))
            largest_worker = max(
                largest_worker, *(child.memory_info().rss for child in process.children(recursive=True))
            )
        growth = process.memory_info().rss - before
    mebibyte = 1024**2
    print(f"{VERIFICATIONS} verifications: grown by {growth / mebibyte:.1f} MiB from {before / mebibyte:.0f} MiB,")
    print(f"the largest worker has {largest_worker / mebibyte:.0f} MiB")
    assert errors == 0
    assert growth < MAX_GROWTH_BYTES
    assert largest_worker < MAX_WORKER_BYTES


def test_algebra_does_not_make_a_worker_grow() -> None:
    with AnswerVerifier(workers=1, timeout_seconds=20) as verifier:
        verifier.start()
        sizes: list[int] = []
        for number in range(2, WORKER_VERIFICATIONS):
            verdict = verifier.verify(f"1/{number + 1}", f"\\int_0^1 x^{{{number}}} dx")
            assert verdict.outcome is Outcome.CORRECT, verdict
            sizes.append(max(worker_sizes()))
    print(f"workers: {sizes[50] / 1024**2:.0f} MiB after 50 questions, {max(sizes) / 1024**2:.0f} MiB at most")
    assert max(sizes) < MAX_WORKER_BYTES
