"""How good a probability is: ranking, calibration, both together, and the uncertainty of a share.

`rights` says of each row whether it was right; `scores` grow with the belief that it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracewright.schemas.errors import InputError

ECE_BINS = 15
"""Bins of equal mass: as many as Guo et al. 2017 (arXiv:1706.04599) use; fewer where there are fewer rows."""
CURVE_BINS = 10
MIN_CURVE_COUNT = 25
"""A point of the calibration curve stands for so many rows or more."""
Z_95 = 1.959963984540054
"""Half the width of a two-sided 95 % interval, in standard deviations."""

Floats = npt.NDArray[np.float64]
Scores = Sequence[float] | Floats
Rights = Sequence[bool] | npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ReliabilityPoint:
    """The rows of one bin: what was said of them and how many were right, with a 95 % Wilson interval."""

    confidence: float
    accuracy: float
    low: float
    high: float
    count: int


def auroc(scores: Scores, rights: Rights) -> float | None:
    """The chance that a right row scores above a wrong one, ties counting half; None where one kind is missing."""
    values, labels = _arrays(scores, rights)
    right_count = int(labels.sum())
    wrong_count = len(labels) - right_count
    if not right_count or not wrong_count:
        return None
    # The Mann-Whitney statistic from mid-ranks: tied rows share the mean of the ranks that they fill.
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mid_ranks[group][labels].sum())
    return (rank_sum - right_count * (right_count + 1) / 2) / (right_count * wrong_count)


def brier_score(confidences: Scores, rights: Rights) -> float:
    """The mean squared difference between the probability and what came out, 0 to 1; lower is better."""
    values, labels = _arrays(confidences, rights)
    return float(np.mean((values - labels) ** 2))


def expected_calibration_error(confidences: Scores, rights: Rights, bins: int = ECE_BINS) -> float:
    """The mean distance between confidence and accuracy over bins of equal mass, weighted by their counts.

    Equal mass and not equal width: nearly all steps are right, so equal widths would leave most bins empty. Rows of
    one confidence are never split between bins, so the figure does not depend on the order of the rows.
    """
    values, labels = _arrays(confidences, rights)
    gaps = [abs(float(values[rows].mean() - labels[rows].mean())) * len(rows) for rows in _equal_mass(values, bins)]
    return sum(gaps) / len(values)


def reliability_curve(confidences: Scores, rights: Rights, bins: int = CURVE_BINS) -> list[ReliabilityPoint]:
    """The points of the calibration curve, by rising confidence.

    Bins of equal width, each joined with the next ones until it holds MIN_CURVE_COUNT rows: nearly all confidences are
    close to 1, so bins of equal mass would put all points but one into the corner and say nothing of the doubtful rows.
    """
    values, labels = _arrays(confidences, rights)
    numbers = np.minimum((values * bins).astype(np.int64), bins - 1)
    groups: list[list[int]] = [[]]
    for number in range(bins):
        groups[-1] += np.flatnonzero(numbers == number).tolist()
        if len(groups[-1]) >= MIN_CURVE_COUNT:
            groups.append([])
    rest = groups.pop()
    groups = [*groups[:-1], [*groups[-1], *rest]] if groups else [rest]
    return [_to_point(values[rows], labels[rows]) for rows in groups]


def wilson_interval(hits: float, count: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); (0, 1) where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = hits / count, Z_95**2
    centre = share + z2 / (2 * count)
    half = Z_95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    scale = 1 + z2 / count
    low, high = (centre - half) / scale, (centre + half) / scale
    # The ends are exact where all or none hit, and rounding would leave them a hair off.
    return 0.0 if hits == 0 else low, 1.0 if hits == count else high


def _arrays(scores: Scores, rights: Rights) -> tuple[Floats, npt.NDArray[np.bool_]]:
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(rights, dtype=np.bool_)
    if values.shape != labels.shape or values.ndim != 1 or not len(values):
        raise InputError(f"a figure needs one score for each row: {values.shape} scores, {labels.shape} labels")
    return values, labels


def _to_point(values: Floats, labels: npt.NDArray[np.bool_]) -> ReliabilityPoint:
    low, high = wilson_interval(int(labels.sum()), len(labels))
    return ReliabilityPoint(float(values.mean()), float(labels.mean()), low, high, len(labels))


def _equal_mass(values: Floats, bins: int) -> list[npt.NDArray[np.int64]]:
    """The rows' numbers in bins of about equal count, by rising value; rows of one value share a bin."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    cuts = np.unique(np.searchsorted(ordered, ordered[np.arange(1, bins) * len(values) // bins], side="left"))
    return [part for part in np.split(order, cuts) if len(part)]
