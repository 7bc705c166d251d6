"""One line of scalars for each trace, for spreadsheets."""

from __future__ import annotations

import csv
import io

from tracewright.pipeline.exporting import losses
from tracewright.pipeline.exporting.labels import Labelled

COLUMNS = (
    *("trace_id", "problem_id", "question", "gold", "answer", "outcome", "confidence", "source", "domain", "level"),
    *("license", "model", "revision", "sample", "steps", "tokens", "text"),
)
HOLDS = frozenset(
    [
        *(losses.GOLD, losses.PROBLEM_ID, losses.DOMAIN, losses.LEVEL, losses.SOURCE, losses.LICENSE),
        *(losses.MODEL, losses.MODEL_REVISION, losses.SAMPLE),
    ]
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def header() -> str:
    """The first line."""
    return _line(COLUMNS)


def make_line(one: Labelled) -> str:
    """A trace's line. A text that a spreadsheet would run as a formula gets an apostrophe before it (OWASP)."""
    trace, problem = one.trace, one.trace.problem
    texts = (trace.trace_id, problem.id, problem.question, problem.answer, trace.answer, trace.verdict.outcome.value)
    named = (problem.license, trace.teacher.model, trace.teacher.revision)
    numbers = (trace.sample, len(trace.steps), trace.token_count)
    return _line(
        [
            *map(guard, texts),
            trace.confidence,
            *map(guard, (problem.source, problem.domain)),
            problem.level,
            *map(guard, named),
            *numbers,
            guard(trace.text),
        ]
    )


def guard(text: str | None) -> str:
    """The text as a cell that is no formula."""
    if not text:
        return ""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS) else text


def _line(values: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)  # type: ignore[arg-type]
    return line.getvalue()
