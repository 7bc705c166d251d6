"""Report data that is whole, empty and hostile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tracewright.pipeline.report import (
    AccuracySeries,
    ComparedScore,
    Headline,
    LevelShare,
    LossCurve,
    LossPoint,
    ModelFigures,
    RatePoint,
    RejectionGroup,
    ReportData,
    ScoreComparison,
    SideBySide,
    SolvedBy,
    StudentPanel,
    make_confidence_panel,
    render_report,
)
from tracewright.schemas import CheckOutcome, Span, StageCount, Step, StepCheck, Trace

MADE_AT = datetime(2025, 1, 2, 3, 4, tzinfo=UTC)
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(2)</script>",
    "</svg><script>alert(3)</script>",
    "javascript:alert(4)",
    "{{ 7*7 }}{% raw %}",
    "--><!--",
    "]]>&lt;b&gt;",
    "' onload='alert(5)",
)
HOSTILE = " ".join(PAYLOADS) + " שלום \u202eabc \x07\x1b[31m " + "w" * 400


@pytest.fixture(scope="session")
def whole(plant_traces) -> ReportData:
    """A run in which everything was measured."""
    rng = np.random.default_rng(0)
    confidences = rng.beta(4, 0.3, 4000)
    panel = make_confidence_panel(confidences, rng.random(4000) < confidences, "c0ffee")
    assert panel is not None
    traces = plant_traces(problems=60, seed=8)
    levels = tuple(LevelShare(level, 100 - 4 * level, 100) for level in range(1, 6))
    return ReportData(
        title="From problems to a release",
        made_at=MADE_AT,
        teacher="embedded (1,249,920 parameters)",
        headline=Headline(6000, 6000, 5400, 5300, 540_000, 4531.2, 213.4),
        funnel=(
            StageCount(stage="read", rows_in=6003, rows_out=6000, reasons={"no question": 3}),
            StageCount(stage="generate", rows_in=6000, rows_out=5990, reasons={"truncated": 10}),
            StageCount(stage="release", rows_in=5990, rows_out=5300, reasons={}),
        ),
        confidence=replace(
            panel, comparison=ScoreComparison("c0ffee", 4000, (ComparedScore("mean logprob", 0.91, 0.02, 0.05),))
        ),
        accuracy=(AccuracySeries("greedy", levels), AccuracySeries("sampled", levels)),
        throughput=tuple(RatePoint(second + 0.5, 4000 + 100 * second) for second in range(20)),
        right_trace=next(trace for trace in traces if trace.verdict.outcome == "correct"),
        wrong_trace=next(trace for trace in traces if trace.verdict.outcome == "incorrect"),
        rejections=(RejectionGroup("read", "no question", 3, "problems.jsonl:7", '{"id": 7}'),),
        student=make_student("student", levels),
        facts=(("Release", "arithmetic@1"),),
    )


@pytest.fixture(scope="session")
def empty() -> ReportData:
    """A run of which nothing is known."""
    return ReportData(title="Nothing", made_at=MADE_AT, teacher="none", headline=Headline())


@pytest.fixture(scope="session")
def hostile(whole) -> ReportData:
    """Every text is an attack, and too long."""
    assert whole.wrong_trace is not None
    trace = make_hostile_trace(whole.wrong_trace)
    levels = (LevelShare(1, 0, 0), LevelShare(7, 3, 3))
    return replace(
        whole,
        title=HOSTILE,
        teacher=HOSTILE,
        funnel=(StageCount(stage=HOSTILE, rows_in=3, rows_out=9, reasons={f"{i} {HOSTILE}": i for i in range(9)}),),
        confidence=None,
        confidence_reason=HOSTILE,
        accuracy=(AccuracySeries(HOSTILE, levels), AccuracySeries(HOSTILE + "2", levels)),
        right_trace=trace,
        wrong_trace=trace,
        rejections=tuple(RejectionGroup(HOSTILE, f"{i} {HOSTILE}", i, HOSTILE, HOSTILE * 3) for i in range(40)),
        student=make_student(HOSTILE, levels),
        facts=((HOSTILE, HOSTILE),),
    )


@pytest.fixture(scope="session")
def whole_page(whole) -> str:
    return render_report(whole)


@pytest.fixture(scope="session")
def empty_page(empty) -> str:
    return render_report(empty)


@pytest.fixture(scope="session")
def hostile_page(hostile) -> str:
    return render_report(hostile)


@pytest.fixture(params=["whole", "empty", "hostile"])
def page(request) -> str:
    return request.getfixturevalue(request.param + "_page")


def make_student(name: str, levels: tuple[LevelShare, ...]) -> StudentPanel:
    models = (
        ModelFigures("teacher", 1_249_920, 4_999_680, 4531.2, levels),
        ModelFigures(name, 61_200, 244_800, None, levels, note=name),
        ModelFigures(name + ", int8", 61_200, None, 9000.0, ()),
    )
    curve = LossCurve(name, tuple(LossPoint(step, 2.0 / (1 + step / 100)) for step in range(0, 2000, 5)))
    solved = (SolvedBy("teacher", "1+1=2\n#### 2", "2", True), SolvedBy(name, name, None, False))
    return StudentPanel(models, (curve,), SideBySide(name, "2", solved), conclusion=name)


def make_hostile_trace(trace: Trace) -> Trace:
    text = HOSTILE
    checks = (CheckOutcome.FAILS, CheckOutcome.UNCHECKED, CheckOutcome.HOLDS)
    steps = tuple(
        Step(
            text=text,
            span=Span(start=i * len(text), end=(i + 1) * len(text)),
            confidence=None if i % 3 else 1.0,
            check=StepCheck(outcome=checks[i % 3], reason=text),
            depends_on=(-1, *range(i)),
            corrected_by=i + 1 if i % 5 == 0 else None,
        )
        for i in range(60)
    )
    problem = trace.problem.model_copy(update={"question": text * 5, "answer": text})
    return trace.model_copy(update={"text": text * 60, "steps": steps, "problem": problem, "answer": text})
