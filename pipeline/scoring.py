"""From a completion to a trace: cut into steps, signals, checks, confidence, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from tracewright.pipeline.confidence import Calibration, Rollout, step_signals, trace_confidence
from tracewright.pipeline.engines.base import Completion, Failure
from tracewright.pipeline.steps import CHECKER_VERSION, check_steps, segment, token_spans
from tracewright.pipeline.verify import VERIFIER_VERSION, extract_answer, verify_answer
from tracewright.schemas import (
    Attempt,
    AttemptKind,
    FinishReason,
    Outcome,
    Problem,
    Signals,
    Span,
    Step,
    TeacherRef,
    Trace,
    Verdict,
    make_trace_id,
)

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
NO_LOGPROBS = "the engine gave no logprobs"
NO_CALIBRATION = "there is no calibration for this teacher: `tracewright rescore STORE` fits one where it can"
LACKS_INPUTS = "no step has all that its calibration was fitted with: the logprobs of a top-k, or rollouts"


@dataclass(frozen=True)
class Task:
    """One sample of a problem that a teacher is asked for."""

    problem: Problem
    teacher: TeacherRef
    sample: int

    @cached_property
    def trace_id(self) -> str:
        """The id of the trace that it will be."""
        return make_trace_id(self.problem, self.teacher.fingerprint, self.sample)


def score_completion(
    task: Task,
    completion: Completion,
    *,
    engine: str,
    calibration: Calibration | None,
    created_at: datetime | None = None,
    metadata: dict[str, str] | None = None,
    reasoning: Span | None = None,
    steps: Sequence[Span] | None = None,
) -> Trace:
    """The trace of a finished completion. Deterministic but for `created_at` and the verdict's seconds.

    It is cut where `steps` says, which cover the text; without them where `segment` finds steps.
    """
    text = completion.text
    reasoning = reasoning or find_reasoning(text)
    spans = list(steps) if steps else segment(text, reasoning=reasoning)
    texts = [text[span.start : span.end] for span in spans]
    tokens = None if completion.token_ends is None else token_spans(spans, completion.token_ends)
    signals = _signals(completion, tokens) or [None] * len(spans)
    confidences, reason = score_confidence(
        signals, texts, calibration, task.teacher.family if calibration is not None else ""
    )
    scored = tuple(
        Step(
            text=texts[i],
            span=span,
            token_span=tokens[i] if tokens else None,
            signals=signals[i],
            confidence=confidences[i],
            check=checked.check,
            depends_on=checked.depends_on,
            corrected_by=checked.corrected_by,
        )
        for i, (span, checked) in enumerate(zip(spans, check_steps(task.problem.question, texts), strict=True))
    )
    extraction = extract_answer(text, task.problem.answer_kind)
    return Trace(
        trace_id=task.trace_id,
        problem=task.problem,
        teacher=task.teacher,
        sample=task.sample,
        prompt=completion.prompt,
        text=text,
        reasoning=reasoning,
        finish_reason=completion.finish_reason,
        token_ids=completion.token_ids,
        token_logprobs=completion.token_logprobs,
        token_ends=completion.token_ends,
        token_count=completion.token_count,
        steps=scored,
        answer=extraction.text if extraction else None,
        verdict=judge_answer(task.problem, text),
        confidence=trace_confidence([step.confidence for step in scored]),
        confidence_reason=reason,
        verifier_version=VERIFIER_VERSION,
        checker_version=CHECKER_VERSION,
        calibration_version=calibration.version if calibration and not reason else None,
        engine=engine,
        seconds=completion.seconds,
        created_at=created_at or datetime.now(UTC),
        metadata=metadata or {},
    )


def score_confidence(
    signals: Sequence[Signals | None],
    texts: Sequence[str],
    calibration: Calibration | None,
    family: str,
    rollouts: Sequence[Rollout | None] | None = None,
) -> tuple[Sequence[float | None], str | None]:
    """A confidence for every step of a trace, or none and the reason why."""
    none = [None] * len(signals)
    if all(signal is None for signal in signals):
        return none, NO_LOGPROBS
    if calibration is None:
        return none, NO_CALIBRATION
    refusal = calibration.why_not(family)
    if refusal:
        return none, refusal
    confidences = calibration.predict(signals, [len(text) for text in texts], rollouts)
    return confidences, None if any(value is not None for value in confidences) else LACKS_INPUTS


def keep_attempt(task: Task, result: Completion | Failure, *, engine: str, max_tokens: int | None) -> Attempt:
    """The row for a completion that was cut by its limit, or for a request that failed."""
    failed = isinstance(result, Failure)
    return Attempt(
        trace_id=task.trace_id,
        problem=task.problem,
        teacher=task.teacher,
        sample=task.sample,
        kind=AttemptKind.FAILED if failed else AttemptKind.TRUNCATED,
        text="" if failed else result.text,
        reason=result.reason if failed else f"not finished within {max_tokens} tokens",
        finish_reason=FinishReason.ERROR if failed else result.finish_reason,
        max_tokens=max_tokens,
        token_count=0 if failed else result.token_count,
        engine=engine,
        created_at=datetime.now(UTC),
    )


def find_reasoning(text: str) -> Span | None:
    """The part of a completion between `<think>` and `</think>`, marks included; the opening one may be missing."""
    close = text.rfind(THINK_CLOSE)
    if close < 0:
        return None
    start = max(0, text.find(THINK_OPEN)) if THINK_OPEN in text[:close] else 0
    return Span(start=start, end=close + len(THINK_CLOSE))


def _signals(completion: Completion, spans: Sequence[Span] | None) -> list[Signals | None] | None:
    if spans is None or completion.token_logprobs is None:
        return None
    return step_signals(completion.token_logprobs, spans, completion.top_logprobs)


def judge_answer(problem: Problem, text: str) -> Verdict:
    """The verdict on a completion's answer."""
    if problem.answer is None:
        return Verdict(outcome=Outcome.UNVERIFIABLE, method="none", reason="the problem has no gold answer")
    return verify_answer(
        problem.answer,
        text,
        kind=problem.answer_kind,
        choices=problem.choices,
        accepted_answers=problem.accepted_answers,
    )
