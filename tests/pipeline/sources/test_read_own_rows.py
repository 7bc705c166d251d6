"""Tracewright's own rows, read back."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.sources import ImportedTrace, read_traces
from tracewright.schemas import (
    AnswerKind,
    CheckOutcome,
    Image,
    Outcome,
    Problem,
    Rejection,
    Sampling,
    Span,
    Step,
    StepCheck,
    TeacherRef,
    Trace,
    Verdict,
    make_trace_id,
)

FLAT: dict[str, Any] = {
    "trace_id": "t1",
    "problem_id": "p1",
    "sample": 2,
    "prompt": "Q: 1+1",
    "text": "1+1=2\n#### 2",
    "steps": [{"text": "1+1=2\n", "label": 1}, {"text": "#### 2", "label": None}],
    "answer": "2",
    "outcome": "correct",
    "confidence": 0.75,
}


def read(folder: Path, row: Any, **origin: str) -> ImportedTrace | Rejection:
    path = folder / "rows.jsonl"
    path.write_text(row if isinstance(row, str) else json.dumps(row))
    (trace,) = read_traces(path, "jsonl", **origin)
    return trace


def test_the_least_that_a_row_has_is_enough(tmp_path: Path) -> None:
    trace = read(tmp_path, FLAT)
    assert (trace.problem.id, trace.problem.question, trace.problem.answer) == ("p1", "Q: 1+1", None)
    assert (trace.sample, trace.prompt, trace.text, trace.model) == (2, "Q: 1+1", "1+1=2\n#### 2", "unknown")
    assert [(step.span.start, step.span.end, step.rating) for step in trace.steps] == [(0, 6, 1), (6, 12, None)]


def test_old_findings_are_kept_as_labels(tmp_path: Path) -> None:
    assert read(tmp_path, FLAT).metadata == {
        "imported_trace_id": "t1",
        "imported_answer": "2",
        "imported_outcome": "correct",
        "imported_confidence": "0.75",
    }


def test_what_a_flat_row_says_beyond_the_least_is_read(tmp_path: Path) -> None:
    more = {"question": "1+1", "gold": 2, "answer_kind": "text", "domain": "sums", "level": 1, "source": "s"}
    trace = read(tmp_path, {**FLAT, **more, "license": "MIT", "model": "m", "revision": "r", "metadata": {"k": "v"}})
    problem = trace.problem
    assert (problem.question, problem.answer, problem.answer_kind) == ("1+1", "2", AnswerKind.TEXT)
    assert (problem.domain, problem.level, problem.source, problem.license) == ("sums", 1, "s", "MIT")
    assert (trace.model, trace.revision, trace.metadata["k"]) == ("m", "r", "v")


def test_a_whole_trace_read_back_has_its_problem_its_teacher_and_its_id(tmp_path: Path) -> None:
    problem = Problem(
        id="p", question="1+1", answer="2", source="s", images=(Image(media_type="image/png", data=b"\xff\x00"),)
    )
    teacher = TeacherRef(
        model="m", revision="r", dtype="float32", tokenizer_hash="t", template_hash="u",
        sampling=Sampling(temperature=0.1, stop=("END",)), fingerprint="",
    )  # fmt: skip
    trace = Trace(
        trace_id=make_trace_id(problem, teacher.fingerprint, 4),
        problem=problem,
        teacher=teacher,
        sample=4,
        prompt="1+1",
        text="<think>2</think>2",
        reasoning=Span(start=0, end=16),
        token_count=3,
        steps=(
            Step(
                text="<think>2</think>2",
                span=Span(start=0, end=17),
                check=StepCheck(outcome=CheckOutcome.UNCHECKED, reason="no claim"),
            ),
        ),
        verdict=Verdict(outcome=Outcome.CORRECT, method="exact", reason="equal"),
        verifier_version="1",
        checker_version="1",
        engine="e",
        created_at=datetime.now(UTC),
        metadata={"k": "v"},
    )
    back = read(tmp_path, trace.model_dump_json())
    assert (back.problem, back.teacher, back.reasoning) == (problem, teacher, trace.reasoning)
    assert make_trace_id(back.problem, back.teacher.fingerprint, back.sample) == trace.trace_id
    assert (back.metadata["k"], back.metadata["imported_outcome"]) == ("v", "correct")


def test_the_callers_source_replaces_the_problems_own(tmp_path: Path) -> None:
    row = {**FLAT, "problem": {"id": "p", "question": "q", "source": "old", "license": "MIT"}}
    trace = read(tmp_path, row, source="new")
    assert (trace.problem.source, trace.problem.license) == ("new", "MIT")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": None}, "no `text`; the row has"),
        ({"prompt": None}, "no `question` or `prompt`; the row has"),
        ({"sample": 1.5}, "`sample` is the number 1.5, expected a whole number"),
        ({"sample": -1}, "`sample` is -1, expected 0 or more"),
        ({"steps": [{"text": "1+1=2"}]}, "the texts of `steps`, joined, are not `text`"),
        ({"steps": [{"text": "1+1=2\n#### 2", "label": 5}]}, "`steps[0].label` is 5, expected -1, 0, 1 or null"),
        ({"teacher": {"model": "m"}}, "`teacher`: `revision`: Field required"),
        ({"teacher": 3}, "`teacher` is the number 3, expected text"),
        ({"problem": {"question": "q"}}, "`source`: Field required"),
        ({"problem": {"id": "p", "question": 1.5, "source": "s"}}, "`question`: expected a valid string"),
        ({"sample": True}, "`sample` is true, expected a whole number"),
        ({"problem": "q"}, "`problem` is the text 'q', expected an object"),
        ({"answer_kind": "maths"}, "`answer_kind`: expected 'math', 'choice', 'text' or 'code'"),
        ({"metadata": {"k": 1}}, "`metadata.k` is the number 1, expected text"),
        ({"finish_reason": "bored"}, "the finish reason is the text 'bored', expected one of stop"),
    ],
)
def test_a_row_that_is_not_ours_is_a_rejection(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    rejection = read(tmp_path, {**FLAT, **changes})
    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith(reason)
