"""Tracewright's own rows: what `store export --format jsonl` writes, or a whole trace as its model dumps it.

A row has `text`, `prompt`, `sample` and its problem: as an object `problem`, or as `problem_id`, `question` (the prompt
where there is none) and `gold`. `teacher` is an object or a name, or `model` and `revision` say who. What was found out
about the trace is found out again; the old answer, outcome and confidence are kept as labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from tracewright.pipeline.sources.imported import (
    UNKNOWN_MODEL,
    ImportedStep,
    ImportedTrace,
    Origin,
    find_reasoning,
    finish_reason_of,
    join_steps,
    sample_from_text,
)
from tracewright.pipeline.sources.jsonl import NumberText
from tracewright.pipeline.sources.problem_parts import read_images
from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import (
    Values,
    as_object,
    as_text,
    build_problem,
    describe_invalid,
    require_text,
    take_answer,
    take_integer,
    take_list,
    take_object,
    take_text,
)
from tracewright.schemas import Problem, TeacherRef

_LABELS = ("trace_id", "answer", "outcome", "confidence")
_LABEL_PREFIX = "imported_"
_RATINGS = (-1, 0, 1)


def read_own(values: Values, origin: Origin) -> Iterator[ImportedTrace]:
    """The row's trace."""
    text = require_text(values, "text")
    sample = take_integer(values, "sample")
    if sample is not None and sample < 0:
        raise RowError(f"`sample` is {sample}, expected 0 or more")
    problem, teacher = _problem(values, origin), _teacher(values)
    named = None if isinstance(values.get("teacher"), dict) else take_text(values, "teacher", "model")
    yield ImportedTrace(
        problem=problem,
        model=teacher.model if teacher else named or UNKNOWN_MODEL,
        revision=teacher.revision if teacher else take_text(values, "revision"),
        sample=sample_from_text(text) if sample is None else sample,
        prompt=take_text(values, "prompt") or problem.question,
        text=text,
        reasoning=find_reasoning(text),
        finish_reason=finish_reason_of(take_text(values, "finish_reason"), text),
        metadata=_metadata(values),
        steps=_steps(values, text),
        teacher=teacher,
    )


def _problem(values: Values, origin: Origin) -> Problem:
    whole = take_object(values, "problem")
    if whole is not None:
        changed = {"source": origin.source, "license": origin.license, "images": read_images(whole, "images")}
        given = {str(name): _plain(value) for name, value in whole.items()}
        return build_problem(**{**given, **{name: value for name, value in changed.items() if value is not None}})
    return build_problem(
        id=take_answer(values, "problem_id"),
        question=require_text(values, "question", "prompt"),
        answer=take_answer(values, "gold"),
        answer_kind=take_text(values, "answer_kind") or "math",
        domain=take_text(values, "domain"),
        level=take_integer(values, "level"),
        source=origin.source or take_text(values, "source") or origin.file_name,
        license=origin.license or take_text(values, "license"),
    )


def _teacher(values: Values) -> TeacherRef | None:
    if not isinstance(values.get("teacher"), dict):
        return None
    try:
        return TeacherRef.model_validate(_plain(values["teacher"]))
    except ValidationError as error:
        raise RowError(f"`teacher`: {describe_invalid(error)}") from error


def _steps(values: Values, text: str) -> tuple[ImportedStep, ...]:
    """The row's steps, which must be the whole text; their labels where they have any."""
    given = [_step(step, f"steps[{index}]") for index, step in enumerate(take_list(values, "steps") or ())]
    if not given:
        return ()
    joined, steps = join_steps([step[0] for step in given], [step[1] for step in given], separator="")
    if joined != text:
        raise RowError("the texts of `steps`, joined, are not `text`")
    return steps


def _step(value: Any, name: str) -> tuple[str, int | None]:
    if isinstance(value, str):
        return as_text(value, name), None
    given = as_object(value, name)
    label = take_integer(given, "label")
    if label is not None and label not in _RATINGS:
        raise RowError(f"`{name}.label` is {label}, expected -1, 0, 1 or null")
    return as_text(given.get("text"), f"{name}.text"), label


def _metadata(values: Values) -> dict[str, str]:
    given = take_object(values, "metadata") or {}
    kept = {as_text(name, "metadata"): as_text(value, f"metadata.{name}") for name, value in given.items()}
    verdict = take_object(values, "verdict") or {}
    labels = {f"{_LABEL_PREFIX}{name}": take_answer({**verdict, **values}, name) for name in _LABELS}
    return {**kept, **{name: label for name, label in labels.items() if label is not None}}


def _plain(value: Any) -> Any:
    """The value with numbers that were kept as text made numbers, for the models that check them."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, NumberText) else value
