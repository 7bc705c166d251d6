"""Intervals over problems: steps of one problem, and its samples, go together, so problems are what is drawn again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracewright.schemas.errors import InputError

RESAMPLES = 1000
_LOW, _HIGH = 0.025, 0.975

Floats = npt.NDArray[np.float64]
Measure = Callable[[Floats], float]
"""A figure of all rows, given how often each row is taken."""


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % percentile interval (Efron 1979)."""

    value: float
    low: float
    high: float


def interval_over_problems(measure: Measure, problems: npt.NDArray[np.int64], seed: int = 0) -> Interval:
    """The figure of all rows, and how far it moves when the problems are drawn again with replacement.

    `problems` has the number of its problem for each row. Resamples in which the figure is no number (no wrong step
    was drawn) are left out. Deterministic.

    Raises:
        InputError: there are no rows, or no resample gives a number.
    """
    if not len(problems):
        raise InputError("an interval over problems needs one row or more: got none")
    _, rows = np.unique(problems, return_inverse=True)
    count = int(rows.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = (np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(RESAMPLES))
    values = np.array([measure(weights[rows].astype(np.float64)) for weights in drawn])
    known = values[~np.isnan(values)]
    if not len(known):
        raise InputError(f"no resample of {count} problems gives a number: give problems of both kinds")
    low, high = np.quantile(known, (_LOW, _HIGH)).tolist()
    return Interval(measure(np.ones(len(problems))), low, high)


def make_auroc_measure(scores: Floats, rights: npt.NDArray[np.bool_]) -> Measure:
    """AUROC by weights, sorted once: 0.3 ms for 25,000 rows instead of 3."""
    order = np.argsort(scores, kind="stable")
    ordered, labels = scores[order], rights[order].astype(np.float64)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))

    def measure(weights: Floats) -> float:
        taken = weights[order]
        right = np.add.reduceat(taken * labels, starts)
        wrong = np.add.reduceat(taken * (1.0 - labels), starts)
        pairs = right.sum() * wrong.sum()
        below = np.cumsum(wrong) - wrong
        return float((right * (below + wrong / 2)).sum() / pairs) if pairs else float("nan")

    return measure


def make_brier_measure(confidences: Floats, rights: npt.NDArray[np.bool_]) -> Measure:
    """The Brier score by weights."""
    return make_mean_measure((confidences - rights) ** 2)


def make_mean_measure(values: Floats) -> Measure:
    """The mean by weights."""
    return lambda weights: float((values * weights).sum() / weights.sum())


def make_difference(first: Measure, second: Measure) -> Measure:
    """The first figure less the second, of the same rows: paired, so what moves both does not widen the interval."""
    return lambda weights: first(weights) - second(weights)
