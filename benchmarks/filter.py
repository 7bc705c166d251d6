"""Filtering, sorting and taking the first 50 of 1,000,000 traces, against a polars query that is written by hand.

`bench filter`. Each case is a filter in tracewright's language (its parsing is timed too) and what an engineer would
write in polars for the same rows; both run on the same frame in memory, in turn. They must return the same rows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from tracewright.pipeline.filter import COLUMNS, parse_filter
from tracewright.schemas import Decision, FinishReason, Outcome

ROWS = 1_000_000
TAKEN = 50
PAIRS = 15
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One question to the frame, said in both ways."""

    name: str
    where: str
    by_hand: pl.Expr
    order: str
    descending: bool = True


CASES = (
    Case(
        "of the issue",
        'outcome == "correct" and confidence >= 0.8 and min_step_confidence > 0.5 and domain in ["algebra", "geometry"]'
        " and tokens between 100 and 4000 and not flagged",
        (pl.col("outcome") == "correct")
        & (pl.col("confidence") >= 0.8)
        & (pl.col("min_step_confidence") > 0.5)
        & pl.col("domain").is_in(["algebra", "geometry"])
        & pl.col("tokens").is_between(100, 4000)
        & ~pl.col("flagged"),
        "confidence",
    ),
    Case(
        "selective",
        'tokens > 3990 and outcome == "incorrect"',
        (pl.col("tokens") > 3990) & (pl.col("outcome") == "incorrect"),
        "created_at",
    ),
    Case(
        "wide",
        'outcome != "error" or confidence is null',
        (pl.col("outcome") != "error") | pl.col("confidence").is_null(),
        "tokens",
        descending=False,
    ),
    Case(
        "nested",
        '(level in [1, 2, 3] or not (domain == "algebra")) and (failed_steps == 0 or confidence < 0.2)',
        (pl.col("level").is_in([1, 2, 3]) | ~(pl.col("domain") == "algebra").fill_null(value=False))
        & ((pl.col("failed_steps") == 0) | (pl.col("confidence") < 0.2)),
        "seconds",
    ),
)


def run(seed: int = 0) -> dict[str, Any]:
    """The ratio of each case, medians of interleaved pairs, and the largest of them."""
    frame = make_frame(seed)
    cases = {case.name: _measure(frame, case) for case in CASES}
    return {
        "ratio": max(case["ratio"] for case in cases.values()),
        "cases": cases,
        "rows": ROWS,
        "taken": TAKEN,
        "pairs": PAIRS,
    }


def _measure(frame: pl.DataFrame, case: Case) -> dict[str, float]:
    ways = (lambda: _take(frame, parse_filter(case.where).to_polars(), case), lambda: _take(frame, case.by_hand, case))
    ours, by_hand = (way() for way in ways)
    if not ours.equals(by_hand):
        raise AssertionError(f"{case.name}: the two queries give other rows")
    rounds = [tuple(_seconds(way) for way in ways) for _ in range(PAIRS)]
    return {
        "ratio": round(statistics.median(own / hand for own, hand in rounds), 3),
        "ms": round(1_000 * statistics.median(own for own, _ in rounds), 2),
        "by_hand_ms": round(1_000 * statistics.median(hand for _, hand in rounds), 2),
        "matching": frame.filter(case.by_hand).height,
    }


def _take(frame: pl.DataFrame, condition: pl.Expr, case: Case) -> pl.DataFrame:
    """The first rows in an order that leaves no tie, and with it the rows, to chance."""
    ordered = frame.lazy().filter(condition).sort(case.order, "trace_id", descending=[case.descending, False])
    return ordered.head(TAKEN).collect()


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def make_frame(seed: int) -> pl.DataFrame:
    """A frame as `Store.frame` gives it, of traces that were never written."""
    draw = np.random.default_rng(seed)
    known: dict[str, Any] = {
        "trace_id": [f"{number:024x}" for number in draw.permutation(ROWS)],
        "problem_id": [str(number) for number in draw.integers(0, ROWS // 4, ROWS)],
        "source": draw.choice(["gsm8k", "math", "aime"], ROWS),
        "domain": draw.choice(["algebra", "geometry", "number theory", "counting", "calculus"], ROWS),
        "level": draw.integers(1, 6, ROWS),
        "outcome": draw.choice([outcome.value for outcome in Outcome], ROWS, p=[0.6, 0.3, 0.08, 0.02]),
        "confidence": _with_nulls(draw, draw.beta(4, 1, ROWS)),
        "min_step_confidence": _with_nulls(draw, draw.beta(2, 1, ROWS)),
        "step_count": draw.integers(1, 40, ROWS),
        "failed_steps": draw.integers(0, 3, ROWS),
        "tokens": draw.integers(10, 4_100, ROWS),
        "seconds": draw.random(ROWS),
        "finish_reason": draw.choice([FinishReason.STOP.value], ROWS),
        "created_at": pl.Series(draw.integers(0, 10**9, ROWS)) * 1_000_000 + int(_START.timestamp() * 1e6),
        "flagged": draw.random(ROWS) < 0.05,
        "review_count": draw.integers(0, 3, ROWS),
        "decision": draw.choice([decision.value for decision in Decision], ROWS),
    }
    nothing = [None] * ROWS
    return pl.DataFrame(
        [pl.Series(name, known.get(name, nothing)).cast(column.dtype) for name, column in COLUMNS.items()]
    )


def _with_nulls(draw: np.random.Generator, values: np.ndarray) -> pl.Series:
    return pl.Series(values).set(pl.Series(draw.random(ROWS) < 0.02), None)
