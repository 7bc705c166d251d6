"""A slice's traces as a stream of lines: memory for one row group, whatever the slice's size."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import numpy as np

from tracewright.api.http.rendering import encode
from tracewright.api.services import Services
from tracewright.api.traces.frame import Frame
from tracewright.pipeline.filter import COLUMNS

_ROWS_AT_ONCE = 1_000
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""Those of East Asian keyboards too."""
_SPACE_STARTS = ("\t", "\r", "\n")


class ExportFormat(StrEnum):
    """What an export's lines are."""

    JSONL = "jsonl"
    """Whole traces without their tokens."""
    CSV = "csv"
    """The columns that filters name."""


def stream(services: Services, frame: Frame, rows: np.ndarray, format_: ExportFormat) -> Iterator[bytes]:
    """The rows' traces in the store's order."""
    return _stream_csv(frame, rows) if format_ is ExportFormat.CSV else _stream_jsonl(services, frame, rows)


def _stream_jsonl(services: Services, frame: Frame, rows: np.ndarray) -> Iterator[bytes]:
    lines: list[bytes] = []
    for trace in services.bodies.iter_traces(frame, rows):
        lines.append(encode(_put_first(trace)))
        if len(lines) == 100:
            yield b"\n".join(lines) + b"\n"
            lines = []
    if lines:
        yield b"\n".join(lines) + b"\n"


def _put_first(trace: dict[str, Any]) -> dict[str, Any]:
    """What every reader of tracewright's rows wants, as `store export` writes it, then the rest."""
    problem, verdict = trace["problem"], trace["verdict"]
    first = {
        "trace_id": trace["trace_id"],
        "problem_id": problem["id"],
        "sample": trace["sample"],
        "prompt": trace["prompt"],
        "text": trace["text"],
        "steps": trace["steps"],
        "answer": trace["answer"],
        "gold": problem["answer"],
        "outcome": verdict["outcome"],
        "confidence": trace["confidence"],
    }
    return first | trace


def _stream_csv(frame: Frame, rows: np.ndarray) -> Iterator[bytes]:
    yield _write_csv([list(COLUMNS)])
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = frame.read(rows[start : start + _ROWS_AT_ONCE])
        yield _write_csv([[defuse(value) for value in row.values()] for row in some])


def _write_csv(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def defuse(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes before what begins like one (OWASP)."""
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_SPACE_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)
    return f"'{value}" if is_formula else value
