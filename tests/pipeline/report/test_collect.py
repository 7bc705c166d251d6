"""What a store and a release tell a report, against counting by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tracewright.pipeline.confidence import (
    Calibration,
    calibration_figures,
    fit,
    sample_trace,
    save_calibration,
    step_truth,
    trace_confidence,
)
from tracewright.pipeline.release import create_release
from tracewright.pipeline.report import AccuracySeries, LevelShare, collect_report_data, render_report
from tracewright.pipeline.report.rates import measure_rates
from tracewright.pipeline.store import Store
from tracewright.schemas import Attempt, AttemptKind, FinishReason, Rejection, Trace

MADE_AT = datetime(2025, 1, 2, tzinfo=UTC)


def score(trace: Trace, calibration: Calibration) -> Trace:
    values = calibration.predict([step.signals for step in trace.steps], [len(step.text) for step in trace.steps])
    steps = tuple(
        step.model_copy(update={"confidence": value}) for step, value in zip(trace.steps, values, strict=True)
    )
    update = {"steps": steps, "confidence": trace_confidence(values), "calibration_version": calibration.version}
    return trace.model_copy(update=update)


@pytest.fixture(scope="module")
def calibration(plant_traces) -> Calibration:
    traces = plant_traces(problems=200, seed=11)
    calibration = fit([sample_trace(trace) for trace in traces], traces[0].teacher.family, MADE_AT)
    assert isinstance(calibration, Calibration)
    return calibration


@pytest.fixture(scope="module")
def traces(plant_traces, calibration) -> list[Trace]:
    scored = [score(trace, calibration) for trace in plant_traces(problems=120, samples=2, seed=12)]
    return list({trace.trace_id: trace for trace in scored}.values())


@pytest.fixture(scope="module")
def store(tmp_path_factory, traces, calibration) -> Store:
    store = Store.open(tmp_path_factory.mktemp("report") / "store", create=True)
    save_calibration(calibration, store.path / "calibration")
    with store.writer() as writer:
        for trace in traces:
            writer.add_trace(trace)
        for number in range(3):
            writer.add_rejection(
                Rejection(
                    rejection_id=str(number),
                    stage="read",
                    subject=f"p.jsonl:{number}",
                    reason="no question",
                    row='{"id": 1}',
                    created_at=MADE_AT,
                )
            )
        writer.add_attempt(
            Attempt(
                trace_id="t",
                problem=traces[0].problem,
                teacher=traces[0].teacher,
                sample=9,
                kind=AttemptKind.TRUNCATED,
                text="1+",
                reason="not finished within 2 tokens",
                finish_reason=FinishReason.LENGTH,
                engine="planted",
                created_at=MADE_AT,
            )
        )
    return store


@pytest.fixture(scope="module")
def manifest(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("releases") / "one"
    return create_release(store, out, name="planted", where='outcome == "correct"')


@pytest.fixture(scope="module")
def data(store, manifest):
    return collect_report_data(store, manifest, title="Planted", made_at=MADE_AT, seconds=12.5)


def test_the_headline_is_counted(data, traces, manifest):
    assert data.headline.traces == len(traces)
    assert data.headline.verified == sum(trace.verdict.outcome == "correct" for trace in traces)
    assert data.headline.released == manifest.rows == data.headline.verified
    assert data.headline.tokens == sum(trace.token_count for trace in traces)
    assert data.headline.problems == len({trace.problem.content_id for trace in traces})
    assert data.headline.seconds == 12.5


def test_the_funnel_is_the_releases(data, manifest):
    assert data.funnel == manifest.funnel


def test_accuracy_is_counted_by_level(data, traces):
    (series,) = data.accuracy
    assert series.name == "sampled, temperature 1"
    counts = Counter(trace.problem.level for trace in traces)
    right = Counter(trace.problem.level for trace in traces if trace.verdict.outcome == "correct")
    assert series.levels == tuple(LevelShare(level, right[level], counts[level]) for level in sorted(counts))


def test_greedy_accuracy_comes_first(store):
    greedy = AccuracySeries("greedy", (LevelShare(1, 9, 10),))
    data = collect_report_data(store, title="x", made_at=MADE_AT, greedy=greedy)
    assert [series.name for series in data.accuracy] == ["greedy", "sampled, temperature 1"]


def test_confidence_is_measured_over_every_checked_step(data, traces, calibration):
    confidences = [step.confidence for trace in traces for step in trace.steps]
    rights = [right for trace in traces for right in step_truth(trace.steps, trace.verdict.outcome)]
    panel = data.confidence
    assert panel is not None and panel.figures is not None
    expected = calibration_figures(confidences, rights, calibration.version)
    assert panel.figures.model_dump(exclude={"curve"}) == pytest.approx(expected.model_dump(exclude={"curve"}))
    assert [point.model_dump() for point in panel.figures.curve] == [
        pytest.approx(point.model_dump()) for point in expected.curve
    ]
    assert (sum(panel.right_counts), sum(panel.wrong_counts)) == (rights.count(True), rights.count(False))
    assert panel.comparison is not None
    assert [score.name for score in panel.comparison.scores] == [
        "calibrated confidence", "mean logprob", "lowest window",
    ]  # fmt: skip


def test_a_right_and_a_wrong_trace_are_shown(data):
    assert data.right_trace.verdict.outcome == "correct" and data.right_trace.first_failed_step is None
    assert data.wrong_trace.verdict.outcome == "incorrect" and (data.wrong_trace.first_failed_step or 0) > 0


def test_what_was_turned_away_is_counted_by_reason(data):
    assert [(group.stage, group.reason, group.count) for group in data.rejections] == [
        ("read", "no question", 3),
        ("generate", "truncated: not finished within 2 tokens", 1),
    ]
    assert data.rejections[0].row == '{"id": 1}'


def test_the_facts_name_what_the_run_depends_on(data, manifest, traces):
    facts = dict(data.facts)
    assert facts["Release"] == f"planted@{manifest.version}"
    assert facts["Chosen by"] == 'outcome == "correct"'
    assert traces[0].teacher.fingerprint in facts["Teacher"]
    assert facts["Calibration"] == traces[0].calibration_version


def test_the_same_store_gives_the_same_report(store, manifest, data):
    assert collect_report_data(store, manifest, title="Planted", made_at=MADE_AT, seconds=12.5) == data


def test_a_store_without_traces_can_be_reported(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    data = collect_report_data(store, title="Empty", made_at=MADE_AT)
    assert data.headline.traces == 0 and data.right_trace is None and data.confidence is None
    assert data.confidence_reason == "the traces were made without a calibration"
    assert "No step has a confidence" in render_report(data)


def test_traces_without_confidence_give_a_reason(tmp_path, plant_traces):
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        for trace in plant_traces(problems=3, seed=5):
            writer.add_trace(trace)
    data = collect_report_data(store, title="Bare", made_at=MADE_AT)
    assert data.confidence is None
    assert data.confidence_reason == "the traces were made without a calibration"
    assert [row.stage for row in data.funnel] == ["generate"]


def test_the_rate_is_that_of_the_newest_run(store):
    frame = store.frame()
    points, mean = measure_rates(frame)
    assert mean is not None
    width = points[1].seconds - points[0].seconds
    assert sum(point.tokens_per_second for point in points) * width == pytest.approx(frame["tokens"].sum())
    earlier = frame.with_columns(frame["created_at"] - timedelta(hours=3))
    assert measure_rates(earlier.vstack(frame)) == (points, mean)
    assert measure_rates(frame.with_columns(seconds=pl.lit(None, pl.Float64))) == ((), None)
    assert measure_rates(frame.head(0)) == ((), None)
    assert measure_rates(frame.head(1).with_columns(seconds=0.5)) == ((), None)
