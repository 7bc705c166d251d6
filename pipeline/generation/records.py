"""What the journal keeps of a result, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tracewright.pipeline.engines.base import Completion, Distributions, Failure
from tracewright.pipeline.scoring import Task
from tracewright.schemas import FinishReason, Problem, TeacherRef

_TUPLES = ("token_ids", "token_logprobs", "token_ends")
_TUPLES_OF_TUPLES = ("top_logprobs",)


@dataclass(frozen=True)
class Finished:
    """A result with everything that its row is made of."""

    task: Task
    result: Completion | Failure
    engine: str
    at: datetime
    max_tokens: int | None
    request: str
    """The request's hash."""


def to_record(finished: Finished) -> dict[str, Any]:
    """As JSON can hold it."""
    return {
        "problem": finished.task.problem.model_dump(mode="json"),
        "teacher": finished.task.teacher.model_dump(mode="json"),
        "sample": finished.task.sample,
        "engine": finished.engine,
        "at": finished.at.isoformat(),
        "max_tokens": finished.max_tokens,
        "request": finished.request,
        "result": asdict(finished.result) if isinstance(finished.result, Failure) else vars(finished.result),
    }


def from_record(record: Mapping[str, Any]) -> Finished:
    """What was written."""
    return Finished(
        task=Task(
            Problem.model_validate(record["problem"]), TeacherRef.model_validate(record["teacher"]), record["sample"]
        ),
        result=_to_result(record["result"]),
        engine=record["engine"],
        at=datetime.fromisoformat(record["at"]),
        max_tokens=record["max_tokens"],
        request=record["request"],
    )


def _to_result(record: Mapping[str, Any]) -> Completion | Failure:
    if "reason" in record:
        return Failure(**record)
    fields: dict[str, Any] = dict(record)
    for name in _TUPLES:
        fields[name] = None if fields[name] is None else tuple(fields[name])
    for name in _TUPLES_OF_TUPLES:
        fields[name] = None if fields[name] is None else tuple(tuple(one) for one in fields[name])
    if fields.get("distributions") is not None:
        fields["distributions"] = Distributions(**fields["distributions"])
    fields["finish_reason"] = FinishReason(fields["finish_reason"])
    return Completion(**fields)
