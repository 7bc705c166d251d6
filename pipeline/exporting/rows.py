"""Formats with one row for each trace: tracewright's own, chat messages, prompt and completion."""

from __future__ import annotations

from typing import Any

from tracewright.pipeline.exporting import losses
from tracewright.pipeline.exporting.labels import Labelled

OWN_HOLDS = frozenset(losses.SEE)
CHAT_HOLDS = frozenset(
    [
        *(losses.GOLD, losses.PROBLEM_ID, losses.DOMAIN, losses.SOURCE, losses.LICENSE),
        *(losses.MODEL, losses.MODEL_REVISION, losses.SAMPLE),
    ]
)


def make_jsonl_row(one: Labelled) -> dict[str, Any]:
    """Tracewright's own row: what every reader wants comes first and by itself, then the trace; bytes as base64.

    A step has its `label` where somebody rated it.
    """
    trace = one.trace
    whole = trace.model_dump(mode="json")
    for step, label in zip(whole["steps"], one.labels, strict=True):
        if label is not None:
            step["label"] = label
    first = {
        "trace_id": trace.trace_id,
        "problem_id": trace.problem.id,
        "sample": trace.sample,
        "prompt": trace.prompt,
        "text": trace.text,
        "steps": whole["steps"],
        "answer": trace.answer,
        "gold": trace.problem.answer,
        "outcome": trace.verdict.outcome.value,
        "confidence": trace.confidence,
    }
    return {**first, **whole}


def make_messages_row(one: Labelled) -> dict[str, Any]:
    """A user's turn and an assistant's, thinking and all, as trainers read them."""
    turns = [
        {"role": "user", "content": one.trace.problem.question},
        {"role": "assistant", "content": one.trace.text},
    ]
    return {"messages": turns, **_describe(one)}


def make_prompt_completion_row(one: Labelled) -> dict[str, Any]:
    """The question as `prompt`, the text as `completion`."""
    return {"prompt": one.trace.problem.question, "completion": one.trace.text, **_describe(one)}


def _describe(one: Labelled) -> dict[str, Any]:
    trace = one.trace
    described = {
        "id": trace.problem.id,
        "answer": trace.problem.answer,
        "domain": trace.problem.domain,
        "source": trace.problem.source,
        "license": trace.problem.license,
        "model": trace.teacher.model,
        "revision": trace.teacher.revision,
        "sample": trace.sample,
    }
    return {name: value for name, value in described.items() if value is not None}
