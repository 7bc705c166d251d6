"""Rows of PRM800K: a whole solution and the ratings of its steps, as in phase 2 of the published files."""

from __future__ import annotations

import re
from typing import Any

from tracewright.pipeline.exporting import losses
from tracewright.pipeline.exporting.labels import Labelled
from tracewright.schemas.ids import make_id

_HELD = frozenset([losses.GOLD, losses.LABELS, losses.STEPS])
_SEPARATOR = "\n"
_GENERATION = re.compile(r"generation (\d{1,9})")
_MODEL = "openai/prm800k-generator"
_NOTES_HELD = frozenset({"step_ratings", "step_ends", "label_finish_reason"})
_NOTHING_BESIDE = {"steps_by_people": "[]", "other_steps_rated": "0"}
BORDERS = "borders of steps within a line"


def make_row(one: Labelled) -> dict[str, Any]:
    """One row. Steps are lines there: those that share a line become one, with the lowest of their ratings."""
    trace, lines = one.trace, _lines(one)
    rated = max((place for place, (_, label) in enumerate(lines) if label is not None), default=-1)
    steps = [
        {
            "completions": [{"text": text, "rating": label, "flagged": None}],
            "human_completion": None,
            "chosen_completion": 0,
        }
        for text, label in lines[: rated + 1]
    ]
    generation = _GENERATION.fullmatch(trace.teacher.revision)
    finish = trace.metadata.get("label_finish_reason") or _finish_reason([label for _, label in lines])
    return {
        "generation": int(generation[1]) if generation else None,
        "question": {
            "problem": trace.problem.question,
            "ground_truth_answer": trace.problem.answer,
            "pre_generated_steps": [text for text, _ in lines],
            "pre_generated_answer": trace.answer,
        },
        "label": {"steps": steps, "finish_reason": finish},
    }


def find_row_losses(one: Labelled) -> list[str]:
    """What the row does not keep."""
    trace = one.trace
    lost = losses.find_losses(one, _HELD)
    sample = int(make_id("sample", trace.text)[:12], 16)
    kept = {
        losses.PROBLEM_ID: losses.has_derived_id(one),
        losses.SAMPLE: trace.sample == sample,
        losses.MODEL: trace.teacher.model == _MODEL,
        losses.MODEL_REVISION: _GENERATION.fullmatch(trace.teacher.revision) is not None,
        losses.NOTES: all(
            name in _NOTES_HELD or _NOTHING_BESIDE.get(name) == value for name, value in trace.metadata.items()
        ),
    }
    lost = [name for name in lost if not kept.get(name)]
    return [*lost, BORDERS] if len(_lines(one)) < len(trace.steps) else lost


def _lines(one: Labelled) -> list[tuple[str, int | None]]:
    """The steps without the line break that a reader puts between them."""
    lines: list[tuple[str, int | None]] = []
    text, labels = "", list[int]()
    last = len(one.trace.steps) - 1
    for place, (step, label) in enumerate(zip(one.trace.steps, one.labels, strict=True)):
        text += step.text
        labels += [] if label is None else [label]
        if place == last or (text.endswith(_SEPARATOR) and text.strip()):
            line = text if place == last else text.removesuffix(_SEPARATOR)
            lines.append((line, min(labels, default=None)))
            text, labels = "", []
    return lines


def _finish_reason(labels: list[int | None]) -> str:
    return "found_error" if -1 in labels else "solution"
