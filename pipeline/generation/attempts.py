"""What is an answer, what was cut off before it became one, and what failed."""

from __future__ import annotations

from tracewright.pipeline.config import ReasoningConfig
from tracewright.pipeline.engines.base import Completion, Failure
from tracewright.pipeline.generation.records import Finished
from tracewright.schemas import Attempt, AttemptKind, FinishReason, Span


def find_reasoning(text: str, marks: ReasoningConfig) -> Span | None:
    """The part of a completion between the marks, these included; the opening one may be missing."""
    close = text.rfind(marks.close)
    if close < 0:
        return None
    start = text.find(marks.open)
    return Span(start=start if 0 <= start < close else 0, end=close + len(marks.close))


def find_cut(result: Completion, marks: ReasoningConfig, max_tokens: int | None) -> str | None:
    """Why a completion is no answer; None where it is one. What ends inside its thinking never is."""
    if result.finish_reason is FinishReason.LENGTH:
        return f"not finished within {max_tokens} tokens"
    if result.finish_reason is not FinishReason.STOP:
        return f"the engine ended it ({result.finish_reason.value})"
    opened, closed = result.text.rfind(marks.open), result.text.rfind(marks.close)
    if opened > closed or (marks.required and closed < 0):
        return f"it ends before {marks.close}"
    return None


def make_attempt(finished: Finished, cut: str | None) -> Attempt:
    """The row for a request that failed, or for a completion that was cut."""
    task, result = finished.task, finished.result
    failed = isinstance(result, Failure)
    return Attempt(
        trace_id=task.trace_id,
        problem=task.problem,
        teacher=task.teacher,
        sample=task.sample,
        kind=AttemptKind.FAILED if failed else AttemptKind.TRUNCATED,
        text="" if failed else result.text,
        reason=result.reason if failed else str(cut),
        finish_reason=FinishReason.ERROR if failed else result.finish_reason,
        max_tokens=finished.max_tokens,
        token_count=0 if failed else result.token_count,
        engine=finished.engine,
        created_at=finished.at,
    )
