"""The confidence of steps of known truth, counted and measured for the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tracewright.pipeline.confidence import Calibration, Figures, NotEnoughData, calibration_figures
from tracewright.pipeline.confidence.metrics import reliability_curve
from tracewright.pipeline.report.data import ComparedScore, ConfidencePanel, ScoreComparison

HISTOGRAM_BINS = 20


def make_confidence_panel(
    confidences: Sequence[float] | npt.NDArray[np.float64],
    rights: Sequence[bool] | npt.NDArray[np.bool_],
    version: str,
    calibration: Calibration | None = None,
) -> ConfidencePanel | None:
    """What these steps say about confidence; None where there are no steps.

    Args:
        confidences: of the steps whose truth is known.
        rights: that truth.
        version: of the calibration that the confidences come from, for the figures.
        calibration: the calibration itself, to compare it with single signals.
    """
    values, labels = np.asarray(confidences, dtype=np.float64), np.asarray(rights, dtype=np.bool_)
    if not len(values):
        return None
    figures = calibration_figures(values.tolist(), labels.tolist(), version)
    lacking = isinstance(figures, NotEnoughData)
    return ConfidencePanel(
        right_counts=_count(values[labels]),
        wrong_counts=_count(values[~labels]),
        curve=tuple(reliability_curve(values, labels)),
        figures=None if lacking else figures,
        reason=figures.reason if lacking else None,
        comparison=compare_scores(calibration) if calibration else None,
    )


def compare_scores(calibration: Calibration) -> ScoreComparison:
    """The calibration beside its baselines."""
    scores = (
        _to_score("calibrated confidence", calibration.figures),
        *(_to_score(name.replace("_", " "), figures) for name, figures in calibration.baselines.items()),
    )
    return ScoreComparison(calibration.version, calibration.steps, scores)


def _to_score(name: str, figures: Figures) -> ComparedScore:
    return ComparedScore(name, figures.auroc, figures.ece, figures.brier)


def _count(values: npt.NDArray[np.float64]) -> tuple[int, ...]:
    counts, _ = np.histogram(values, bins=HISTOGRAM_BINS, range=(0.0, 1.0))
    return tuple(counts.tolist())
