"""A completion's confidence, or the reason why it has none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tracewright.pipeline.confidence import Calibration, fit, sample_trace
from tracewright.pipeline.scoring import LACKS_INPUTS, NO_CALIBRATION, NO_LOGPROBS, score_confidence
from tracewright.schemas import Trace

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def traces(plant_traces) -> list[Trace]:
    return plant_traces(problems=200, samples=1, seed=8)


@pytest.fixture(scope="module")
def calibration(traces) -> Calibration:
    calibration = fit([sample_trace(trace) for trace in traces], traces[0].teacher.family, NOW)
    assert isinstance(calibration, Calibration)
    return calibration


def score(trace: Trace, calibration: Calibration | None, family: str = "", signals: bool = True):
    given = [step.signals if signals else None for step in trace.steps]
    return score_confidence(given, [step.text for step in trace.steps], calibration, family or trace.teacher.family)


def test_every_step_gets_a_probability_and_no_reason(traces, calibration):
    confidences, reason = score(traces[0], calibration)
    assert reason is None
    assert all(value is not None and 0 < value < 1 for value in confidences)


def test_what_is_lacking_is_said_and_nothing_is_invented(traces, calibration):
    greedy = calibration.model_copy(update={"features": (*calibration.features, "entropy", "self_certainty", "margin")})
    cases = {
        NO_LOGPROBS: score(traces[0], calibration, signals=False),
        NO_CALIBRATION: score(traces[0], None),
        LACKS_INPUTS: score(traces[0], greedy),
    }
    for expected, (confidences, reason) in cases.items():
        assert (set(confidences), reason) == ({None}, expected)


def test_a_calibration_of_another_teacher_is_refused_by_name(traces, calibration):
    confidences, reason = score(traces[0], calibration, family="new")
    assert set(confidences) == {None}
    assert reason == f"calibration {calibration.version} was fitted on teacher {calibration.family}, not on new"
