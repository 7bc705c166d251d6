"""What is an answer, what was cut off before it became one, and what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracewright.pipeline.engines.base import Completion, Failure
from tracewright.pipeline.generation.records import Finished
from tracewright.schemas import Attempt, AttemptKind, FinishReason, Span

if TYPE_CHECKING:
    from tracewright.pipeline.config import ReasoningConfig

_ENDED = (FinishReason.ABORT, FinishReason.ERROR)
"""No limit of ours cut it, so a higher one helps nothing; asking once more may."""


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
    if result.finish_reason is FinishReason.LOW_CONFIDENCE:
        return f"given up after {result.token_count} tokens: its running confidence fell below the threshold"
    if result.finish_reason is not FinishReason.STOP:
        return f"the engine ended it ({result.ended or result.finish_reason.value})"
    opened, closed = result.text.rfind(marks.open), result.text.rfind(marks.close)
    if opened > closed or (marks.required and closed < 0):
        return f"it ends before {marks.close}"
    return None


def make_attempt(finished: Finished, cut: str | None) -> Attempt:
    """The row for a request that failed, or for a completion that was cut."""
    task, result = finished.task, finished.result
    if isinstance(result, Failure):
        return make_failed_attempt(finished, result.reason)
    if result.finish_reason in _ENDED:
        return make_failed_attempt(finished, str(cut))
    return Attempt(
        trace_id=task.trace_id,
        problem=task.problem,
        teacher=task.teacher,
        sample=task.sample,
        kind=AttemptKind.STOPPED if result.finish_reason is FinishReason.LOW_CONFIDENCE else AttemptKind.TRUNCATED,
        text=_make_storable(result.text),
        reason=str(cut),
        finish_reason=result.finish_reason,
        max_tokens=finished.max_tokens,
        token_count=result.token_count,
        engine=finished.engine,
        created_at=finished.at,
    )


def make_failed_attempt(finished: Finished, reason: str) -> Attempt:
    """The row for a request that failed, or for a completion that nothing can be made of."""
    task, result = finished.task, finished.result
    text = "" if isinstance(result, Failure) else result.text
    return Attempt(
        trace_id=task.trace_id,
        problem=task.problem,
        teacher=task.teacher,
        sample=task.sample,
        kind=AttemptKind.FAILED,
        text=_make_storable(text),
        reason=_make_storable(reason),
        finish_reason=FinishReason.ERROR,
        max_tokens=finished.max_tokens,
        token_count=0 if isinstance(result, Failure) else result.token_count,
        engine=finished.engine,
        created_at=finished.at,
    )


def _make_storable(text: str) -> str:
    """The text with a question mark for each lone surrogate, which no encoding can hold."""
    return text.encode(errors="replace").decode()
