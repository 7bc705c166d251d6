"""Tokens per second over a run, from the moments at which traces were finished."""

from __future__ import annotations

import numpy as np
import polars as pl

from tracewright.pipeline.report.data import RatePoint

MAX_POINTS = 48
MIN_BIN_SECONDS = 1.0
PAUSE_SECONDS = 60.0
"""Nothing finished for so long: another run, whose time must not be averaged into this one's."""


def measure_rates(frame: pl.DataFrame) -> tuple[tuple[RatePoint, ...], float | None]:
    """The rate over the newest run of the store, and its mean; nothing where it was too short to say.

    A trace's tokens count where it was finished, so the first moments of a run look slow. Only the columns `tokens`,
    `created_at` and `seconds` are read. The run begins when its first trace was asked for. Traces without `seconds`
    came from no engine of ours and are left out.
    """
    ordered = frame.select("tokens", "created_at", "seconds").drop_nulls("seconds").sort("created_at")
    moments = ordered["created_at"].dt.epoch("us").to_numpy() / 1e6
    if not len(moments):
        return (), None
    pauses = np.flatnonzero(np.diff(moments) > PAUSE_SECONDS)
    first = int(pauses[-1]) + 1 if len(pauses) else 0
    moments, tokens = moments[first:], ordered["tokens"].to_numpy()[first:]
    started = moments[0] - ordered["seconds"][first]
    length = float(moments[-1] - started)
    if length < 2 * MIN_BIN_SECONDS:
        return (), None
    bins = int(min(MAX_POINTS, length // MIN_BIN_SECONDS))
    sums, edges = np.histogram(moments - started, bins=bins, range=(0.0, length), weights=tokens.astype(np.float64))
    width = length / bins
    points = [
        RatePoint(float(left) + width / 2, float(total) / width) for left, total in zip(edges[:-1], sums, strict=True)
    ]
    return tuple(points), float(tokens.sum()) / length
