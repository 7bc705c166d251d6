"""The frame says of every trace what its steps, its problem and its verdict say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracewright.pipeline.filter import COLUMNS, REVIEW_COLUMNS, parse_filter
from tracewright.pipeline.store import ShardLimits, Store
from tracewright.pipeline.store.facts import TRACE_FACTS, hash_question
from tracewright.schemas import CheckOutcome, Problem, Span, Step, StepCheck, Trace, to_table

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "数𝟙", "1+1=2\n"]),
        st.none() | st.floats(0, 1),
        st.sampled_from(list(CheckOutcome)),
        st.none() | st.just(9),
    ),
    max_size=5,
)


def with_steps(trace: Trace, drawn: list[tuple[str, float | None, CheckOutcome, int | None]]) -> Trace:
    steps = tuple(
        Step(
            text=text,
            span=Span(start=0, end=len(text)),
            confidence=confidence,
            check=StepCheck(outcome=outcome, reason="r"),
            corrected_by=corrected_by,
        )
        for text, confidence, outcome, corrected_by in drawn
    )
    return trace.model_copy(update={"steps": steps, "text": "".join(step.text for step in steps)})


def expected_facts(trace: Trace) -> dict[str, Any]:
    """The same, said step by step in Python."""
    confidences = [step.confidence for step in trace.steps if step.confidence is not None]
    failed = [s for s in trace.steps if s.check.outcome is CheckOutcome.FAILS and s.corrected_by is None]
    return {
        "chars": len(trace.text),
        "step_count": len(trace.steps),
        "min_step_confidence": min(confidences, default=None),
        "failed_steps": len(failed),
        "first_failed_step": trace.first_failed_step,
        "question_hash": hash_question(trace.problem.question),
    }


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(STEPS, max_size=6), start=st.integers(0, 3))
def test_derived_columns_follow_from_the_steps(
    plant_traces: Callable[..., list[Trace]], drawn: list[Any], start: int
) -> None:
    traces = [with_steps(trace, steps) for trace, steps in zip(plant_traces(len(drawn)), drawn, strict=True)]
    derived = TRACE_FACTS.derive(to_table(Trace, traces).slice(start))
    rows = [
        dict(zip(derived, row, strict=True)) for row in zip(*(c.to_pylist() for c in derived.values()), strict=True)
    ]
    assert rows == [expected_facts(trace) for trace in traces[start:]]
    assert {name: array.type for name, array in derived.items()} == {f.name: f.type for f in TRACE_FACTS.fields}


def test_the_frame_has_every_documented_column_of_every_trace(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    traces = plant_traces(40)
    with store.writer(limits=ShardLimits(rows=15)) as writer:
        for trace in traces:
            writer.add_trace(trace)
    frame = store.frame()
    assert dict(frame.schema) == {name: column.dtype for name, column in COLUMNS.items()}
    assert frame.rows(named=True) == [expected_row(trace) for trace in traces]


def expected_row(trace: Trace) -> dict[str, Any]:
    plain = {
        "trace_id": trace.trace_id,
        "problem_id": trace.problem.id,
        "source": trace.problem.source,
        "domain": trace.problem.domain,
        "level": trace.problem.level,
        "license": trace.problem.license,
        "answer_kind": trace.problem.answer_kind.value,
        "model": trace.teacher.model,
        "fingerprint": trace.teacher.fingerprint,
        "temperature": trace.teacher.sampling.temperature,
        "sample": trace.sample,
        "outcome": trace.verdict.outcome.value,
        "method": trace.verdict.method,
        "confidence": trace.confidence,
        "tokens": trace.token_count,
        "finish_reason": trace.finish_reason.value,
        "engine": trace.engine,
        "seconds": trace.seconds,
        "verifier_version": trace.verifier_version,
        "checker_version": trace.checker_version,
        "calibration_version": trace.calibration_version,
        "created_at": trace.created_at,
        "flagged": False,
        "review_count": 0,
        "decision": None,
    }
    row = plain | expected_facts(trace)
    return {name: row[name] for name in COLUMNS}


def test_an_empty_store_has_an_empty_frame_that_can_be_filtered(store: Store) -> None:
    frame = store.frame()
    assert dict(frame.schema) == {name: column.dtype for name, column in COLUMNS.items()}
    kept = frame.filter(parse_filter('outcome == "correct" and not flagged').to_polars())
    assert kept.shape == (0, len(COLUMNS))


def test_questions_that_differ_in_white_space_alone_have_one_hash() -> None:
    assert hash_question(" What is\n 1+1? ") == hash_question("What is 1+1?") != hash_question("What is 1+2?")
    assert Problem(question="What is 1+1?", source="s").content_id != hash_question("What is 1+1?")


def test_review_columns_say_nothing_of_traces_that_nobody_reviewed(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    with store.writer() as writer:
        for trace in plant_traces(3):
            writer.add_trace(trace)
    reviews = store.frame().select([column.name for column in REVIEW_COLUMNS])
    assert reviews.rows() == [(False, 0, None)] * 3
