"""Traces with planted errors: what the rooms behind the teacher can be tried on without one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.confidence import step_signals
from tracewright.pipeline.sources.arithmetic import (
    count_operators,
    draw_expression,
    evaluate,
    format_expression,
    work_solution,
)
from tracewright.pipeline.store import Store
from tracewright.schemas import (
    Attempt,
    AttemptKind,
    CheckOutcome,
    FinishReason,
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

PlantTraces = Callable[..., list[Trace]]
MakeTrace = Callable[..., Trace]

_START = datetime(2025, 1, 1, tzinfo=UTC)
_CERTAIN_LOGPROB = -1e-4


@pytest.fixture(scope="session")
def plant_traces() -> PlantTraces:
    """A function (problems, samples, seed) → traces in which doubtful digits are sometimes wrong.

    Every digit of a result has its own chance of being wrong, most of them tiny, and comes out wrong with that chance;
    its logprob is that of what came out. So the signals know something of the truth, and not everything.
    """
    return _plant_traces


def _plant_traces(problems: int, samples: int = 1, seed: int = 0) -> list[Trace]:
    rng = random.Random(seed)
    traces: list[Trace] = []
    for _ in range(problems):
        expression = draw_expression(rng, rng.randint(1, 5))
        problem = Problem.model_validate(
            {
                "question": format_expression(expression),
                "answer": str(evaluate(expression)),
                "level": count_operators(expression),
                "domain": "arithmetic",
                "source": "planted",
            }
        )
        for sample in range(samples):
            traces.append(_plant_trace(rng, problem, work_solution(expression), sample, len(traces)))
    return traces


def _plant_trace(rng: random.Random, problem: Problem, solution: str, sample: int, number: int) -> Trace:
    lines = solution.splitlines(keepends=True)
    written = [_write_line(rng, line, result=not line.startswith("####")) for line in lines]
    wrong = [text != line for (text, _), line in zip(written, lines, strict=True)]
    text = "".join(text for text, _ in written)
    logprobs = [value for _, values in written for value in values]
    ends = [sum(len(text) for text, _ in written[: index + 1]) for index in range(len(written))]
    spans = [Span(start=end - len(text), end=end) for (text, _), end in zip(written, ends, strict=True)]
    steps = tuple(
        _make_step(index, written[index][0], span, signals, wrong[index])
        for index, (span, signals) in enumerate(zip(spans, step_signals(logprobs, spans), strict=True))
    )
    outcome = Outcome.INCORRECT if any(wrong) else Outcome.CORRECT
    return Trace(
        trace_id=make_trace_id(problem, TEACHER.fingerprint, sample),
        problem=problem,
        teacher=TEACHER,
        sample=sample,
        prompt=problem.question + "\n",
        text=text,
        token_count=len(logprobs),
        token_logprobs=tuple(logprobs),
        steps=steps,
        answer=text.rsplit("#### ", 1)[-1],
        verdict=Verdict(outcome=outcome, method="exact", reason=f"the answer is {outcome}"),
        verifier_version="1",
        checker_version="1",
        engine="planted",
        seconds=rng.uniform(0.5, 2.0),
        created_at=_START + timedelta(seconds=number / 40),
    )


def _write_line(rng: random.Random, line: str, result: bool) -> tuple[str, list[float]]:
    text, logprobs = "", []
    after_equals = False
    for character in line:
        logprob = _CERTAIN_LOGPROB * rng.random()
        if result and after_equals and character.isdigit():
            chance = rng.betavariate(0.08, 2.0)
            if rng.random() < chance:
                character = str((int(character) + rng.randint(1, 9)) % 10)
                logprob = _log(chance)
            else:
                logprob = _log(1 - chance)
        after_equals = character == "=" or (after_equals and character.isdigit())
        text += character
        logprobs.append(logprob)
    return text, logprobs


def _log(chance: float) -> float:
    return math.log(max(chance, 1e-12))


def _make_step(index: int, text: str, span: Span, signals: object, wrong: bool) -> Step:
    outcome = CheckOutcome.FAILS if wrong else CheckOutcome.HOLDS
    return Step.model_validate(
        {
            "text": text,
            "span": span,
            "token_span": span,
            "signals": signals,
            "check": StepCheck(outcome=outcome, reason="a digit was planted" if wrong else "all claims hold", claims=3),
            "depends_on": (index - 1,),
        }
    )


TEACHER = TeacherRef.model_validate(
    {
        "model": "planted",
        "revision": "1",
        "dtype": "float32",
        "tokenizer_hash": "characters",
        "template_hash": "bare",
        "sampling": Sampling(temperature=1.0),
    }
)


_SLIP_CHANCE = 0.08
_UNCHECKED_CHANCE = 0.1


@pytest.fixture(scope="session")
def make_trace() -> MakeTrace:
    """A function that makes one trace from what matters to a test; everything else has a harmless value."""
    return _make_trace


@pytest.fixture(scope="session")
def arithmetic_traces() -> tuple[Trace, ...]:
    """160 problems × 3 samples by two teachers: about one in four ends wrong, some steps are unchecked."""
    rng = random.Random(11)
    problems = [draw_expression(rng, rng.randint(1, 4)) for _ in range(160)]
    traces = (_draw_trace(rng, problem, sample) for problem in problems for sample in range(3))
    return tuple({trace.trace_id: trace for trace in traces}.values())


@pytest.fixture(scope="session")
def arithmetic_store(tmp_path_factory: pytest.TempPathFactory, arithmetic_traces: tuple[Trace, ...]) -> Store:
    """A store of these traces in several shards, with two lost attempts and one refused row. Not to be written to."""
    return fill_store(tmp_path_factory.mktemp("arithmetic") / "store", arithmetic_traces)


def fill_store(path: Path, traces: tuple[Trace, ...]) -> Store:
    """A new store that holds the traces, two attempts and a rejection."""
    store = Store.open(path, create=True)
    with store.writer() as writer:
        for number, trace in enumerate(traces):
            writer.add_trace(trace)
            if number % 200 == 199:
                writer.flush()
        writer.add_attempt(_make_attempt(traces[0], sample=90, kind=AttemptKind.TRUNCATED))
        writer.add_attempt(_make_attempt(traces[0], sample=91, kind=AttemptKind.FAILED))
        rejection = {"rejection_id": "r1", "stage": "problems", "subject": "problems.jsonl:7", "reason": "no question"}
        writer.add_rejection(Rejection.model_validate({**rejection, "created_at": _START}))
    return store


def _draw_trace(rng: random.Random, expression: Any, sample: int) -> Trace:
    lines = work_solution(expression).splitlines(keepends=True)
    checks = ["holds"] * (len(lines) - 1) + ["unchecked"]
    confidences = [rng.betavariate(9, 1) for _ in lines]
    slip = None
    for index in range(len(lines) - 1):
        if rng.random() < _SLIP_CHANCE:
            lines[index], checks[index], slip = lines[index].replace("=", "=1", 1), "fails", index
            confidences[index] = rng.betavariate(3, 3)
        elif rng.random() < _UNCHECKED_CHANCE:
            checks[index] = "unchecked"
    return _make_trace(
        format_expression(expression),
        lines,
        gold=str(evaluate(expression)),
        checks=checks,
        confidences=confidences,
        outcome="correct" if slip is None else "incorrect",
        level=count_operators(expression),
        sample=sample,
        model="small" if sample < 2 else "large",
        license="MIT" if evaluate(expression) % 2 else "Apache-2.0",
    )


def _make_trace(
    question: str = "1+1",
    lines: list[str] | tuple[str, ...] = ("1+1=2\n", "#### 2"),
    *,
    gold: str | None = "2",
    checks: list[str] | None = None,
    confidences: list[float | None] | None = None,
    corrected_by: dict[int, int] | None = None,
    outcome: str = "correct",
    method: str = "exact",
    sample: int = 0,
    model: str = "small",
    tokens: int | None = None,
    prompt: str | None = None,
    reasoning: Span | None = None,
    metadata: dict[str, str] | None = None,
    **problem: Any,
) -> Trace:
    asked = Problem.model_validate(
        {"question": question, "answer": gold, "source": "arithmetic", "domain": "arithmetic", **problem}
    )
    teacher = _make_teacher(model)
    text = "".join(lines)
    known = [value for value in confidences or [] if value is not None]
    return Trace(
        trace_id=make_trace_id(asked, teacher.fingerprint, sample),
        problem=asked,
        teacher=teacher,
        sample=sample,
        prompt=f"{question}\n" if prompt is None else prompt,
        text=text,
        reasoning=reasoning,
        token_count=len(text) if tokens is None else tokens,
        steps=_make_steps(
            lines, checks or ["holds"] * len(lines), confidences or [None] * len(lines), corrected_by or {}
        ),
        answer=text.rsplit("#### ", 1)[-1],
        verdict=Verdict(outcome=Outcome(outcome), method=method, reason="as planted"),
        confidence=min(known) if known else None,
        verifier_version="verifier-3",
        checker_version="checker-2",
        calibration_version="planted" if known else None,
        engine="planted",
        created_at=_START,
        metadata=metadata or {},
    )


def _make_steps(
    lines: list[str] | tuple[str, ...],
    checks: list[str],
    confidences: list[float | None],
    corrected_by: dict[int, int],
) -> tuple[Step, ...]:
    steps: list[Step] = []
    start = 0
    for index, (line, check, confidence) in enumerate(zip(lines, checks, confidences, strict=True)):
        fields = {
            "text": line,
            "span": {"start": start, "end": start + len(line)},
            "confidence": confidence,
            "check": {"outcome": check, "reason": "as planted"},
            "corrected_by": corrected_by.get(index),
        }
        steps.append(Step.model_validate(fields))
        start += len(line)
    return tuple(steps)


def _make_teacher(model: str) -> TeacherRef:
    fields = {"model": model, "revision": "1", "dtype": "float32", "tokenizer_hash": "chars", "template_hash": "bare"}
    return TeacherRef.model_validate({**fields, "sampling": Sampling(temperature=0.7, top_p=0.9, seed=5)})


def _make_attempt(trace: Trace, *, sample: int, kind: AttemptKind) -> Attempt:
    return Attempt(
        trace_id=make_trace_id(trace.problem, trace.teacher.fingerprint, sample),
        problem=trace.problem,
        teacher=trace.teacher,
        sample=sample,
        kind=kind,
        text="1+",
        reason="cut",
        finish_reason=FinishReason.LENGTH,
        engine="planted",
        created_at=_START,
    )


@pytest.fixture(scope="session")
def link_store(arithmetic_store: Store) -> Callable[[Path], Store]:
    """A function (folder) → the store of worked arithmetic with a register and slices of its own, the rest linked."""

    def link(folder: Path) -> Store:
        folder.mkdir()
        for entry in arithmetic_store.path.iterdir():
            if entry.name not in ("releases", "slices"):
                (folder / entry.name).symlink_to(entry)
        return Store.open(folder)

    return link
