"""Confidence: the calibrated probability that a step is right, fitted for one teacher on steps of known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from tracewright.pipeline.confidence.features import (
    ROLLOUT_FEATURES,
    STEP_FEATURES,
    TOP_FEATURES,
    Rollout,
    build_features,
    feature_names,
)
from tracewright.pipeline.confidence.metrics import (
    ReliabilityPoint,
    auroc,
    brier_score,
    expected_calibration_error,
    reliability_curve,
)
from tracewright.pipeline.confidence.model import HingeModel, Platt, fit_hinge_model, fit_platt
from tracewright.pipeline.confidence.samples import (
    FOLDS,
    NotEnoughData,
    StepTable,
    TraceSample,
    build_table,
    find_lack,
)
from tracewright.pipeline.confidence.signals import TAIL_TOKENS, WINDOW_TOKENS
from tracewright.schemas.base import Count, Frozen, Probability, Timestamp
from tracewright.schemas.ids import make_id
from tracewright.schemas.release import CalibrationFigures, CurvePoint
from tracewright.schemas.trace import Signals

CALIBRATION_FORMAT = "tracewright-calibration/1"

Floats = npt.NDArray[np.float64]
_BASELINES = {"mean_logprob": "mean_surprise", "lowest_window": "window_surprise"}
"""Each baseline is one feature, turned round and calibrated on the same folds."""


class Figures(Frozen):
    """How good one way of scoring is on steps that it was not fitted on."""

    auroc: Probability
    ece: Probability
    brier: Probability


class Calibration(Frozen):
    """A fitted model with what it was fitted on and how good it is. Plain numbers: read from JSON, run with NumPy."""

    format: Literal["tracewright-calibration/1"] = CALIBRATION_FORMAT
    version: str
    """A hash of everything here but `fitted_at`."""
    family: str
    """The teacher's (`TeacherRef.family`: its fingerprint without the seed). Confidence of one teacher says nothing
    about another."""
    fitted_at: Timestamp
    features: tuple[str, ...]
    window_tokens: int
    tail_tokens: int
    """How the signals were cut that it was fitted on."""
    model: HingeModel
    platt: Platt
    checker_version: str = ""
    """Of the checks that it takes for the truth; empty in calibrations from before it was kept."""
    traces: Count
    problems: Count
    steps: Count
    wrong: Count
    """Steps of known truth, and how many of them are wrong."""
    figures: Figures
    """Cross-validated by problem: every step is scored by a model that saw none of its problem's."""
    baselines: dict[str, Figures]
    """Single signals on the same folds, calibrated the same way."""
    curve: tuple[ReliabilityPoint, ...]

    @property
    def with_top(self) -> bool:
        """Whether it needs the signals of a top-k."""
        return set(TOP_FEATURES) <= set(self.features)

    @property
    def with_rollouts(self) -> bool:
        """Whether it needs rollouts."""
        return set(ROLLOUT_FEATURES) <= set(self.features)

    def applies_to(self, family: str) -> bool:
        """Whether traces of this teacher may be scored with it."""
        return self.why_not(family) is None

    def why_not(self, family: str) -> str | None:
        """Why traces of this teacher must not be scored with it, None where they may."""
        if family != self.family:
            return f"calibration {self.version} was fitted on teacher {self.family}, not on {family}"
        if self.features != feature_names(self.with_top, self.with_rollouts):
            return f"calibration {self.version} uses other features than this version of tracewright: fit it again"
        if (self.window_tokens, self.tail_tokens) != (WINDOW_TOKENS, TAIL_TOKENS):
            return f"calibration {self.version} was fitted on signals of other windows: fit it again"
        return None

    def predict(
        self,
        signals: Sequence[Signals | None],
        chars: Sequence[int],
        rollouts: Sequence[Rollout | None] | None = None,
    ) -> list[float | None]:
        """The confidence of each step of one trace: its steps' signals, numbers of characters and rollouts, in order.

        None where a step has no signals, or lacks those of a top-k, or the rollout, that this calibration was fitted
        with. Whether the calibration may be used at all is for `applies_to` to say.
        """
        given = (rollouts or [None] * len(signals)) if self.with_rollouts else None
        features, steps = build_features(signals, chars, self.with_top, given)
        confidences: list[float | None] = [None] * len(signals)
        if steps:
            for step, value in zip(steps, self.platt.probabilities(self.model.logits(features)).tolist(), strict=True):
                confidences[step] = value
        return confidences


def fit(samples: Sequence[TraceSample], family: str, fitted_at: datetime) -> Calibration | NotEnoughData:
    """The calibration of one teacher from its traces, or why there is none.

    Logistic regression on lines with bends (`HingeModel`), then Platt's line on the predictions for problems that the
    model did not see. The figures come from predictions that neither the model nor the line was fitted on.
    Deterministic, whatever the order of the traces.
    """
    from threadpoolctl import threadpool_limits

    table = build_table(samples)
    if isinstance(table, NotEnoughData):
        return table
    # The matrices are small. Beside a busy engine, threads that wait for each other took 15 s for a second's work.
    with threadpool_limits(limits=1):
        return _fit_table(table, family, fitted_at)


def hash_calibration(calibration: Calibration) -> str:
    """The version that this content has."""
    content = calibration.model_dump(mode="json", exclude={"version", "fitted_at"})
    if not calibration.checker_version:
        del content["checker_version"]
    return make_id("calibration", content)


def calibration_figures(
    confidences: Sequence[float | None], rights: Sequence[bool | None], version: str
) -> CalibrationFigures | NotEnoughData:
    """How far these confidences can be trusted, over the steps that have one and whose truth is known."""
    pairs = [(value, right) for value, right in zip(confidences, rights, strict=True) if None not in (value, right)]
    labels = [bool(right) for _, right in pairs]
    values = [float(value or 0.0) for value, _ in pairs]
    wrong = len(labels) - sum(labels)
    ranking = auroc(values, labels) if labels else None
    lack = find_lack(labels)
    if lack or ranking is None:
        return NotEnoughData(lack or "one kind of step is missing", len(labels), wrong, 0)
    return CalibrationFigures(
        version=version,
        steps=len(labels),
        wrong_share=wrong / len(labels),
        auroc=ranking,
        ece=expected_calibration_error(values, labels),
        brier=brier_score(values, labels),
        curve=tuple(CurvePoint(**asdict(point)) for point in reliability_curve(values, labels)),
    )


def _fit_table(table: StepTable, family: str, fitted_at: datetime) -> Calibration:
    logits = _cross_validate(table)
    confidences = _cross_calibrate(table, logits)
    fields = {
        "family": family,
        "features": feature_names(table.with_top, table.with_rollouts),
        "window_tokens": WINDOW_TOKENS,
        "tail_tokens": TAIL_TOKENS,
        "model": fit_hinge_model(table.features, table.rights),
        "platt": fit_platt(logits, table.rights),
        "checker_version": table.checker_version,
        "traces": table.traces,
        "problems": len(np.unique(table.problems)),
        "steps": len(table.rights),
        "wrong": int((~table.rights).sum()),
        "figures": _measure(confidences, table),
        "baselines": {name: _measure_baseline(feature, table) for name, feature in _BASELINES.items()},
        "curve": tuple(reliability_curve(confidences, table.rights)),
    }
    draft = Calibration.model_validate({**fields, "version": "", "fitted_at": fitted_at})
    return draft.model_copy(update={"version": hash_calibration(draft)})


def _cross_validate(table: StepTable) -> Floats:
    """For every step the log odds by a model that saw no step of its fold."""
    logits = np.empty(len(table.rights))
    for fold in range(FOLDS):
        held_out = table.folds == fold
        model = fit_hinge_model(table.features[~held_out], table.rights[~held_out])
        logits[held_out] = model.logits(table.features[held_out])
    return logits


def _cross_calibrate(table: StepTable, logits: Floats) -> Floats:
    """For every step the probability by a line that was fitted on the other folds."""
    confidences = np.empty(len(logits))
    for fold in range(FOLDS):
        held_out = table.folds == fold
        line = fit_platt(logits[~held_out], table.rights[~held_out])
        confidences[held_out] = line.probabilities(logits[held_out])
    return confidences


def _measure_baseline(feature: str, table: StepTable) -> Figures:
    scores = -table.features[:, STEP_FEATURES.index(feature)]
    return _measure(_cross_calibrate(table, scores), table)


def _measure(confidences: Floats, table: StepTable) -> Figures:
    return Figures(
        auroc=auroc(confidences, table.rights) or 0.0,
        ece=expected_calibration_error(confidences, table.rights),
        brier=brier_score(confidences, table.rights),
    )
