"""Traces with planted errors: what the rooms behind the teacher can be tried on without one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tracewright.pipeline.confidence import step_signals
from tracewright.pipeline.sources.arithmetic import (
    count_operators,
    draw_expression,
    evaluate,
    format_expression,
    work_solution,
)
from tracewright.schemas import (
    CheckOutcome,
    Outcome,
    Problem,
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
