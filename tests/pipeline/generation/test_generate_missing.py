"""Generation into a real store from the embedded teacher on a real engine."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import GenerationCounts, Teaching, choose_calibration, generate_missing
from tracewright.pipeline.prompts import render_prompt
from tracewright.pipeline.sources import draw_problems
from tracewright.pipeline.store import Store
from tracewright.schemas import AttemptKind, ConfigError, FinishReason, Outcome, Problem, Rejection

PROBLEMS = list(draw_problems(30, (1, 2, 3), seed=3, held_out=False))


def generate(
    store: Store, teacher: RunningTeacher, problems: list[Problem | Rejection] = PROBLEMS, samples: int = 2
) -> GenerationCounts:
    teaching = Teaching(
        teacher.ref, samples=samples, max_tokens=320, calibration=choose_calibration(store, teacher.ref)
    )
    with store.writer() as writer:
        return generate_missing(store, writer, problems, teaching, teacher.engine, lambda counts: None)


def test_every_sample_is_stored_once_and_a_second_run_adds_nothing(teacher: RunningTeacher, tmp_path: Path) -> None:
    store = Store.open(tmp_path, create=True)
    first, version = generate(store, teacher), store.version()
    again = generate(store, teacher)
    assert (first.wanted, first.present, first.traces + first.truncated) == (60, 0, 60)
    assert (again.wanted, again.present, again.traces) == (60, 60, 0)
    assert (store.version(), len(store.trace_ids())) == (version, first.traces)


def test_a_trace_has_steps_signals_confidence_checks_and_a_verdict(teacher: RunningTeacher, tmp_path: Path) -> None:
    store = Store.open(tmp_path, create=True)
    generate(store, teacher, samples=1)
    for trace in store.iter_traces():
        assert "".join(step.text for step in trace.steps) == trace.text
        assert trace.verdict.outcome in (Outcome.CORRECT, Outcome.INCORRECT)
        assert trace.calibration_version and trace.confidence_reason is None
        assert trace.confidence == min(step.confidence for step in trace.steps if step.confidence is not None)
        assert trace.token_ends is not None
        for step in trace.steps:
            assert step.signals and step.confidence is not None and step.token_span
            assert trace.text[step.span.start : step.span.end] == step.text
            last = trace.token_ends[step.token_span.end - 1]
            assert last == step.span.end, "no token of this teacher crosses a step"


def test_the_shipped_calibration_fits_the_shipped_teacher(teacher: RunningTeacher, tmp_path: Path) -> None:
    store = Store.open(tmp_path, create=True)
    calibration = choose_calibration(store, teacher.ref)
    assert calibration is not None and calibration.why_not(teacher.ref.family) is None
    assert calibration.figures.auroc > 0.9 and calibration.figures.ece < 0.03
    assert list((tmp_path / "calibration").iterdir()), "the store keeps a copy of what its confidence comes from"


class CutShort:
    """The real results of an engine, the first of them lost to a limit and the second to a failure."""

    def __init__(self, teacher: RunningTeacher) -> None:
        self.engine = teacher.engine
        self.name = teacher.engine.name

    def stream(self, requests: Iterator[Request]) -> Iterator[Completion | Failure]:
        for number, result in enumerate(self.engine.stream(requests)):
            if number == 0 and isinstance(result, Completion):
                cut = vars(result) | {"finish_reason": FinishReason.LENGTH}
                yield Completion(**cut)
            else:
                yield Failure(result.key, "HTTP 500: out of memory") if number == 1 else result

    def close(self) -> None:
        """Nothing of its own."""


def test_cut_and_failed_completions_are_attempts_and_are_not_asked_for_again(
    teacher: RunningTeacher, tmp_path: Path
) -> None:
    store = Store.open(tmp_path, create=True)
    with store.writer() as writer:
        teaching = Teaching(teacher.ref, max_tokens=320)
        counts = generate_missing(store, writer, PROBLEMS, teaching, CutShort(teacher), lambda counts: None)
    assert (counts.truncated, counts.failed, counts.traces) == (1, 1, 28)
    attempts = {attempt.kind: attempt for attempt in store.attempts()}
    assert "320 tokens" in attempts[AttemptKind.TRUNCATED].reason and attempts[AttemptKind.TRUNCATED].text
    assert attempts[AttemptKind.FAILED].reason == "HTTP 500: out of memory"
    assert generate(store, teacher, samples=1).present == 30


def test_a_completion_that_only_the_journal_has_is_stored_without_asking_again(
    teacher: RunningTeacher, tmp_path: Path
) -> None:
    full = Store.open(tmp_path / "full", create=True)
    generate(full, teacher, samples=1)
    cut = Store.open(tmp_path / "cut", create=True)
    with pytest.raises(RuntimeError, match="power cut"), cut.writer() as writer:
        calls = iter([None])  # the flush after replaying, when nothing is there yet

        def flush() -> None:
            if next(calls, "cut") == "cut":
                raise RuntimeError("power cut")

        writer.flush = flush  # the rows never reach the store
        generate_missing(
            cut, writer, PROBLEMS, Teaching(teacher.ref, max_tokens=320), teacher.engine, lambda counts: None
        )
    assert cut.trace_ids() == set()
    counts = generate(cut, teacher, samples=1)
    assert (counts.replayed, counts.present, counts.traces) == (30, 30, 0)
    texts = [{trace.trace_id: trace.text for trace in store.iter_traces()} for store in (full, cut)]
    assert texts[0] == texts[1]


def test_rejected_rows_are_kept_beside_the_traces(teacher: RunningTeacher, tmp_path: Path) -> None:
    rejection = Rejection(
        rejection_id="r",
        stage="read",
        subject="p.jsonl:2",
        reason="no question",
        row="{}",
        created_at=datetime.now(UTC),
    )
    store = Store.open(tmp_path, create=True)
    counts = generate(store, teacher, [PROBLEMS[0], rejection, PROBLEMS[1]], samples=1)
    assert (counts.problems, counts.rejected, counts.traces) == (2, 1, 2)
    assert [kept.reason for kept in store.rejections()] == ["no question"]


def test_a_template_makes_the_prompt_and_can_not_reach_further() -> None:
    problem = Problem(question="1+1", source="s", choices=("1", "2"))
    assert render_prompt("Q: {{ question }} {{ choices | join('|') }}", problem) == "Q: 1+1 1|2"
    assert render_prompt("{{ '-' * 3 }} {{ 6 * 7 }}", problem) == "--- 42"
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
    itself = "{% macro more(n) %}{{ more(n) }}{% endmacro %}{{ more(0) }}"
    large = ("{{ 'a' * 10000000 }}", "{{ 2 ** 3 }}", "{% set a = ['x' * 1000] * 1000 %}{{ (a * 1000) | join }}")
    ways_out = (
        "{{ question.__class__.__mro__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ '{0.__class__}'.format(question) }}",
    )
    for hostile in (*ways_out, "{{ secret }}", "{% for %}", "  ", *large, endless, itself, "{{" + "(" * 5000 + "}}"):
        with pytest.raises(ConfigError, match=r"teacher\.template"):
            render_prompt(hostile, problem)
