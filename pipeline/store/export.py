"""Traces as files that other programs read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tracewright.pipeline.store.disk import ASIDE_PREFIX, explain_disk_errors, sync_folder
from tracewright.schemas.errors import InputError
from tracewright.schemas.trace import Trace


def make_jsonl_row(trace: Trace) -> dict[str, Any]:
    """Tracewright's own row: what every reader wants comes first and by itself, then the trace; bytes as base64."""
    whole = trace.model_dump(mode="json")
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


EXPORT_FORMATS: dict[str, Callable[[Trace], dict[str, Any]]] = {"jsonl": make_jsonl_row}
"""From a format's name to how a trace becomes a line of it."""


def export_traces(traces: Iterable[Trace], format: str, out: Path) -> int:
    """Write the traces to a file, one a line, and return how many; the file is there whole or not at all.

    A file of that name is replaced.

    Raises:
        InputError: the format is unknown.
        StoreError: the file can't be written.
    """
    if (make_row := EXPORT_FORMATS.get(format)) is None:
        raise InputError(f"there is no export format {format!r}: there is {', '.join(EXPORT_FORMATS)}")
    aside = out.with_name(ASIDE_PREFIX + out.name)
    with explain_disk_errors(out, "writing"):
        try:
            count = _write_lines(aside, map(make_row, traces))
            aside.replace(out)
            sync_folder(out.parent)
        finally:
            aside.unlink(missing_ok=True)
    return count


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
        lines.flush()
        os.fsync(lines.fileno())
    return count
