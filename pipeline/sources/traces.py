"""Existing traces from files of other people's formats, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tracewright.pipeline.config.faults import nearest
from tracewright.pipeline.sources.imported import (
    BadPart,
    ImportedStep,
    ImportedTrace,
    Origin,
    RowReader,
    sample_from_text,
)
from tracewright.pipeline.sources.jsonl import read_jsonl
from tracewright.pipeline.sources.parquet_rows import read_parquet
from tracewright.pipeline.sources.repeats import SeenRows
from tracewright.pipeline.sources.rows import Row, RowError, check_input_file, counted, reject_row
from tracewright.pipeline.sources.trace_formats import TRACE_FORMATS
from tracewright.schemas import InputError, Rejection

_PARQUET_SUFFIXES = (".parquet", ".pq")

__all__ = ["TRACE_FORMATS", "ImportedStep", "ImportedTrace", "read_traces"]


def read_traces(
    path: Path, format: str, source: str | None = None, license: str | None = None
) -> Iterator[ImportedTrace | Rejection]:
    """Every trace of a file (JSONL, or Parquet by its suffix), in order; rows and parts that hold none are rejections.

    `source` and `license` go to every problem; without them the row's own do, else the file's name and no licence.
    A completion that comes twice is read once. Two of the same teacher, problem and sample number with different texts
    are both kept: the later one's number is derived from its text.

    Raises:
        MissingInputError: there is no such file.
        InputError: the format is unknown, or the file can't be read or holds no row.
    """
    reader = TRACE_FORMATS.get(format)
    if reader is None:
        raise InputError(f"received the format {format!r}{nearest(format, list(TRACE_FORMATS))}")
    check_input_file(path)
    file_name = path.stem.encode(errors="replace").decode()
    return _read_file(path, reader, Origin(file_name, source, license))


def _read_file(path: Path, reader: RowReader, origin: Origin) -> Iterator[ImportedTrace | Rejection]:
    rows = read_parquet(path) if path.suffix.lower() in _PARQUET_SUFFIXES else read_jsonl(path)
    seen = SeenRows()
    for row in counted(rows, path):
        if isinstance(row, Rejection):
            yield row
        else:
            yield from _read_row(row, reader, origin, seen)


def _read_row(row: Row, reader: RowReader, origin: Origin, seen: SeenRows) -> Iterator[ImportedTrace | Rejection]:
    try:
        for trace in reader(row.values, origin):
            taken = trace if isinstance(trace, BadPart) else _number(trace, seen, row.place.number)
            if isinstance(taken, BadPart):
                yield reject_row(row.place, taken.reason, row.as_text(), part=taken.part)
            else:
                yield taken
    except RowError as error:
        yield reject_row(row.place, str(error), row.as_text())


def _number(trace: ImportedTrace, seen: SeenRows, line: int) -> ImportedTrace | BadPart:
    """The trace with a sample number that no other text of its teacher and problem has in this file."""
    part = f"{trace.model}, sample {trace.sample}"
    for candidate in (trace, replace(trace, sample=sample_from_text(trace.text))):
        first = seen.look_up(_key(candidate), candidate.text, line)
        if first is None:
            return candidate
        if first.same_content:
            return BadPart(part, f"repeats line {first.number}: the same completion, which is read once")
    return BadPart(part, "another completion of this file has the same number")


def _key(trace: ImportedTrace) -> str:
    problem = trace.problem
    teacher = trace.teacher.fingerprint if trace.teacher else f"{trace.model}\0{trace.revision}"
    return "\0".join((problem.source, problem.id, problem.content_id, teacher, str(trace.sample)))
