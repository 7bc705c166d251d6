"""Krippendorff's alpha with bootstrapped intervals.

K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): 1 − observed / expected disagreement, from the
matrix of coincidences of values within units. Units with one value say nothing. The interval is the bootstrap's: units
(or clusters of them, such as the steps of one trace) are drawn again with replacement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

DRAWS = 1_000
_SEED = 20_110
_LEVEL = (2.5, 97.5)


class Metric(StrEnum):
    """How far apart two values are."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"


@dataclass(frozen=True)
class Alpha:
    """Agreement: 1 for perfect, 0 for chance; None where nothing can be said."""

    alpha: float | None
    low: float | None
    high: float | None
    units: int
    """Units with at least two values."""
    values: int
    """Values in these units."""


def measure_alpha(
    clusters: Iterable[Sequence[Mapping[str, Hashable]]], scale: Sequence[Hashable], metric: Metric, draws: int = DRAWS
) -> Alpha:
    """Alpha of some clusters of units, each unit a mapping from who judged to the value.

    Args:
        clusters: what is drawn together, for example a trace with a unit for each step.
        scale: all values, in order.
        metric: how far apart they are.
        draws: of the bootstrap.
    """
    places = {value: place for place, value in enumerate(scale)}
    matrices: list[np.ndarray] = []
    units = values = 0
    for cluster in clusters:
        matrix = np.zeros((len(scale), len(scale)))
        for unit in cluster:
            if len(unit) > 1:
                matrix += _coincidences([places[value] for value in unit.values()], len(scale))
                units, values = units + 1, values + len(unit)
        if matrix.any():
            matrices.append(matrix)
    if not matrices:
        return Alpha(None, None, None, 0, 0)
    stacked = np.stack(matrices)
    (alpha,) = _alphas(stacked.sum(0)[None], metric)
    low, high = _bootstrap(stacked, metric, draws)
    return Alpha(None if np.isnan(alpha) else float(alpha), low, high, units, values)


def _coincidences(values: list[int], size: int) -> np.ndarray:
    """Of one unit: every ordered pair of its values, weighted so that a value counts once."""
    counts = np.zeros(size)
    for value, count in Counter(values).items():
        counts[value] = count
    return (np.outer(counts, counts) - np.diag(counts)) / (len(values) - 1)


def _alphas(coincidences: np.ndarray, metric: Metric) -> np.ndarray:
    """The alpha of each of some matrices; NaN where only one value occurs."""
    totals = coincidences.sum(1)
    distances = _distances(totals, metric)
    expected = (totals[:, :, None] * totals[:, None, :] * distances).sum((1, 2))
    observed = (coincidences * distances).sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0.0, 1.0 - (totals.sum(1) - 1.0) * observed / expected, np.nan)


def _distances(totals: np.ndarray, metric: Metric) -> np.ndarray:
    """Between every two values, for each row of totals."""
    if metric is Metric.NOMINAL:
        return np.broadcast_to(1.0 - np.eye(totals.shape[1]), (*totals.shape, totals.shape[1]))
    ends = np.cumsum(totals, axis=1)
    starts = ends - totals
    between = ends[:, None, :] - starts[:, :, None] - (totals[:, :, None] + totals[:, None, :]) / 2
    return between**2


def _bootstrap(matrices: np.ndarray, metric: Metric, draws: int) -> tuple[float | None, float | None]:
    if len(matrices) < 2:
        return None, None
    # Equal clusters are drawn as one kind: of 100,000 traces there are a few dozen kinds.
    kinds, counts = np.unique(matrices.reshape(len(matrices), -1), axis=0, return_counts=True)
    weights = np.random.default_rng(_SEED).multinomial(len(matrices), counts / len(matrices), size=draws)
    drawn = _alphas((weights @ kinds).reshape(draws, *matrices.shape[1:]), metric)
    drawn = drawn[~np.isnan(drawn)]
    if len(drawn) == 0:
        return None, None
    low, high = np.percentile(drawn, _LEVEL)
    return float(low), float(high)
