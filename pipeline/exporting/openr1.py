"""Rows of OpenR1-Math-220k: a problem of one model with all of its generations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracewright.pipeline.exporting import losses
from tracewright.pipeline.exporting.labels import Labelled

HOLDS = frozenset([losses.GOLD, losses.PROBLEM_ID, losses.DOMAIN, losses.MODEL])
_LABELS = ("correctness_math_verify", "correctness_llama", "is_reasoning_complete")
_DESCRIPTIONS = ("problem_type", "question_type", "source")
NOTES_HELD = frozenset((*_LABELS, *_DESCRIPTIONS))


def row_key(one: Labelled) -> tuple[str, ...]:
    """Traces with the same key share a row."""
    trace = one.trace
    return trace.problem.source, trace.problem.id, trace.problem.content_id, trace.teacher.fingerprint


def make_row(group: Sequence[Labelled]) -> dict[str, Any]:
    """One row. The label columns are those that came with the traces; `outcomes` has tracewright's own verdicts."""
    traces = [one.trace for one in group]
    problem = traces[0].problem
    described = {name: text for name in _DESCRIPTIONS if (text := traces[0].metadata.get(name)) is not None}
    labels = {name: [_flag(trace.metadata.get(name)) for trace in traces] for name in _LABELS}
    return {
        "problem": problem.question,
        "answer": problem.answer,
        "uuid": problem.id,
        **({"problem_type": problem.domain} if problem.domain else {}),
        **described,
        "generations": [trace.text for trace in traces],
        "finish_reasons": [trace.finish_reason.value for trace in traces],
        **{name: flags for name, flags in labels.items() if any(flag is not None for flag in flags)},
        "outcomes": [trace.verdict.outcome.value for trace in traces],
        "model": traces[0].teacher.model,
    }


def find_row_losses(group: Sequence[Labelled]) -> list[list[str]]:
    """For each trace of a row what the row does not keep."""
    found: list[list[str]] = []
    for place, one in enumerate(group):
        lost = losses.find_losses(one, HOLDS)
        if one.trace.sample == place:
            lost.remove(losses.SAMPLE)
        if losses.NOTES in lost and one.trace.metadata.keys() <= NOTES_HELD:
            lost.remove(losses.NOTES)
        found.append(lost)
    return found


def _flag(text: str | None) -> bool | None:
    return None if text is None else text == "true"
