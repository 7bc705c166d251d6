"""Rows of OpenR1-Math-220k: a problem and two or more generations of DeepSeek-R1 with labels (open-r1, 2025).

Not read: `messages` (one of the generations again), `solution` (the problem's reference solution) and
`correctness_count`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tracewright.pipeline.sources.imported import BadPart, ImportedTrace, Origin, find_reasoning, finish_reason_of
from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import (
    Values,
    as_text,
    build_problem,
    require_text,
    show_value,
    take_answer,
    take_list,
    take_text,
)
from tracewright.schemas import FinishReason, Problem

DEFAULT_MODEL = "deepseek-ai/DeepSeek-R1"
_LABELS = ("correctness_math_verify", "correctness_llama", "is_reasoning_complete")
_DESCRIPTIONS = ("problem_type", "question_type", "source")


def read_generations(values: Values, origin: Origin) -> Iterator[ImportedTrace | BadPart]:
    """A trace for each of `generations`; the label lists, where they hold anything, have an entry for each."""
    problem = _problem(values, origin)
    generations = take_list(values, "generations")
    if not generations:
        raise RowError("no `generations`, expected a list of completions")
    labels = {name: _aligned(values, name, len(generations)) for name in (*_LABELS, "finish_reasons")}
    model = take_text(values, "model") or DEFAULT_MODEL
    described = {name: text for name in _DESCRIPTIONS if (text := take_text(values, name)) is not None}
    for sample, text in enumerate(generations):
        try:
            own = {name: entries[sample] for name, entries in labels.items() if entries}
            yield _generation(problem, model, sample, text, own, described)
        except RowError as error:
            yield BadPart(f"generations[{sample}]", str(error))


def _generation(
    problem: Problem, model: str, sample: int, text: Any, labels: Values, described: dict[str, str]
) -> ImportedTrace:
    if not as_text(text, "text").strip():
        raise RowError("the generation is blank")
    finish = finish_reason_of(take_text(labels, "finish_reasons"), text)
    if labels.get("finish_reasons") is None and labels.get("is_reasoning_complete") is False:
        finish = FinishReason.LENGTH
    return ImportedTrace(
        problem,
        model,
        None,
        sample,
        problem.question,
        text,
        find_reasoning(text),
        finish,
        {**described, **{name: _flag(labels[name], name) for name in _LABELS if labels.get(name) is not None}},
    )


def _problem(values: Values, origin: Origin) -> Problem:
    return build_problem(
        id=take_text(values, "uuid"),
        question=require_text(values, "problem"),
        answer=take_answer(values, "answer"),
        domain=take_text(values, "problem_type"),
        source=origin.source or origin.file_name,
        license=origin.license,
    )


def _aligned(values: Values, name: str, count: int) -> Sequence[Any]:
    entries = take_list(values, name) or ()
    if entries and len(entries) != count:
        raise RowError(f"`{name}` has {len(entries)} entries, expected one for each of {count} generations")
    return entries


def _flag(value: Any, name: str) -> str:
    if not isinstance(value, bool):
        raise RowError(f"`{name}` is {show_value(value)}, expected true or false")
    return str(value).lower()
