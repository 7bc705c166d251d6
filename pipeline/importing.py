"""Existing traces through the same stages as generated ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tracewright.pipeline.engines.base import Completion
from tracewright.pipeline.scoring import Task, keep_attempt, score_completion
from tracewright.pipeline.sources.traces import ImportedTrace
from tracewright.pipeline.store import TraceWriter
from tracewright.schemas import SOURCE_RATINGS, FinishReason, Outcome, Rejection, Sampling, TeacherRef

_UNKNOWN = "unknown"


@dataclass
class ImportCounts:
    """What an import has done so far."""

    read: int = 0
    added: int = 0
    present: int = 0
    correct: int = 0
    truncated: int = 0
    rejected: int = 0
    first_rejection: str = ""
    """Where and why; the store keeps all of them."""


def import_traces(
    rows: Iterable[ImportedTrace | Rejection], writer: TraceWriter, report: Callable[[ImportCounts], None]
) -> ImportCounts:
    """Segment, check and verify every trace and store it; what is in the store already is left as it is.

    Raises:
        StoreError: the disk is full or failing; what was stored is intact.
    """
    counts = ImportCounts()
    for row in rows:
        counts.read += 1
        if isinstance(row, Rejection):
            counts.rejected += 1
            counts.first_rejection = counts.first_rejection or f"{row.subject}: {row.reason}"
            writer.add_rejection(row)
        else:
            _add(row, writer, counts)
        report(counts)
    writer.flush()
    return counts


def _add(row: ImportedTrace, writer: TraceWriter, counts: ImportCounts) -> None:
    task = Task(row.problem, row.teacher or _teacher(row), row.sample)
    if writer.has_trace(task.trace_id):
        counts.present += 1
        return
    completion = _completion(row, task.trace_id)
    if row.finish_reason is not FinishReason.STOP:
        writer.add_attempt(keep_attempt(task, completion, engine="import", max_tokens=None))
        counts.truncated += 1
        return
    trace = score_completion(
        task,
        completion,
        engine="import",
        calibration=None,
        metadata={**row.metadata, **_ratings(row)},
        reasoning=row.reasoning,
        steps=[step.span for step in row.steps],
    )
    counts.added += writer.add_trace(trace)
    counts.correct += trace.verdict.outcome is Outcome.CORRECT


def _ratings(row: ImportedTrace) -> dict[str, str]:
    """People's ratings of the file's own steps, which the trace keeps as its steps."""
    ratings = [step.rating for step in row.steps]
    return {SOURCE_RATINGS: json.dumps(ratings)} if any(rating is not None for rating in ratings) else {}


def _teacher(row: ImportedTrace) -> TeacherRef:
    """All that a file of traces says of its teacher: a name and perhaps a revision."""
    return TeacherRef(
        model=row.model,
        revision=row.revision or _UNKNOWN,
        dtype=_UNKNOWN,
        tokenizer_hash=_UNKNOWN,
        template_hash=_UNKNOWN,
        sampling=Sampling(),
        fingerprint="",
    )


def _completion(row: ImportedTrace, key: str) -> Completion:
    return Completion(
        key=key,
        prompt=row.prompt,
        text=row.text,
        finish_reason=row.finish_reason,
        token_ids=None,
        token_logprobs=None,
        token_ends=None,
        top_logprobs=None,
        token_count=0,
        seconds=0.0,
    )
