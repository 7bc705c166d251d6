"""Scoring beside the engine: here, or in processes of their own once it would hold up the engine."""

from __future__ import annotations

import os
import time

from tracewright.pipeline.generation.records import Finished
from tracewright.pipeline.generation.scoring import InlineScoring, Scored, Scoring
from tracewright.pipeline.generation.scoring_pool import ScoringPool
from tracewright.pipeline.generation.teaching import Teaching
from tracewright.pipeline.store import TraceWriter

_MIN_ROWS = 300
_MAX_BUSY_SHARE = 0.4
"""Of the time since the first result: with more, the engine waits for scores. A row of 200 tokens takes some 2 ms, so
this is reached at 200 rows a second."""
_MAX_PROCESSES = 4


class AdaptiveScoring:
    """Begins in this process and moves into others when the engine is fast enough to notice."""

    def __init__(self, writer: TraceWriter, teaching: Teaching) -> None:
        self._writer = writer
        self._teaching = teaching
        self._inline = InlineScoring(writer, teaching)
        self._pool: Scoring | None = None
        self._rows = 0
        self._busy_seconds = 0.0
        self._started = time.monotonic()

    def submit(self, finished: Finished, number: int) -> list[Scored]:
        """See `Scoring.submit`."""
        if self._pool is not None:
            return self._pool.submit(finished, number)
        began = time.monotonic()
        scored = self._inline.submit(finished, number)
        now = time.monotonic()
        self._rows += 1
        self._busy_seconds += now - began
        if self._rows >= _MIN_ROWS and self._busy_seconds > _MAX_BUSY_SHARE * (now - self._started):
            self._pool = self._open_pool()
        return scored

    def collect(self) -> list[Scored]:
        """See `Scoring.collect`."""
        return self._pool.collect() if self._pool is not None else []

    def close(self) -> None:
        """See `Scoring.close`."""
        if self._pool is not None:
            self._pool.close()

    def _open_pool(self) -> Scoring:
        processes = max(1, min(_MAX_PROCESSES, len(os.sched_getaffinity(0)) - 1))
        return ScoringPool(self._writer, self._teaching, processes)
