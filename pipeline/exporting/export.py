"""Writing traces to a file in one of the formats."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewright.pipeline.exporting import openr1, prm800k, rows, table
from tracewright.pipeline.exporting.labels import Labelled
from tracewright.pipeline.exporting.losses import find_losses
from tracewright.pipeline.exporting.spill import group_by
from tracewright.schemas.errors import InputError


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    traces: int
    left_out: dict[str, int]
    """What the format can't hold, and of how many traces; those most concerned first."""


@dataclass(frozen=True)
class _Line:
    text: str
    losses: list[list[str]]
    """Of each trace that the line holds."""


def export_traces(traces: Iterable[Labelled], format: str, out: Path) -> Exported:
    """Write the traces to a file; it is there whole or not at all. A file of that name is replaced.

    Raises:
        InputError: the format is unknown.
        StoreError: the file can't be written.
    """
    if (make_lines := EXPORT_FORMATS.get(format)) is None:
        raise InputError(f"there is no export format {format!r}: there is {', '.join(EXPORT_FORMATS)}")
    # The store's package imports this one.
    from tracewright.pipeline.store.disk import ASIDE_PREFIX, explain_disk_errors, sync_folder

    aside = out.with_name(ASIDE_PREFIX + out.name)
    with explain_disk_errors(out, "writing"):
        try:
            exported = _write_lines(aside, make_lines(traces))
            aside.replace(out)
            sync_folder(out.parent)
        finally:
            aside.unlink(missing_ok=True)
    return exported


def _write_lines(path: Path, written: Iterator[_Line]) -> Exported:
    count, left_out = 0, Counter[str]()
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        for line in written:
            lines.write(line.text)
            count += len(line.losses)
            left_out.update(name for lost in line.losses for name in lost)
        lines.flush()
        os.fsync(lines.fileno())
    return Exported(count, dict(left_out.most_common()))


def _one_by_one(
    make_row: Callable[[Labelled], dict[str, Any]], find: Callable[[Labelled], list[str]]
) -> Callable[[Iterable[Labelled]], Iterator[_Line]]:
    return lambda traces: (_Line(_encode(make_row(one)), [find(one)]) for one in traces)


def _by_problem(traces: Iterable[Labelled]) -> Iterator[_Line]:
    for group in group_by(traces, openr1.row_key):
        yield _Line(_encode(openr1.make_row(group)), openr1.find_row_losses(group))


def _as_table(traces: Iterable[Labelled]) -> Iterator[_Line]:
    yield _Line(table.header(), [])
    for one in traces:
        yield _Line(table.make_line(one), [find_losses(one, table.HOLDS)])


def _encode(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


EXPORT_FORMATS: dict[str, Callable[[Iterable[Labelled]], Iterator[_Line]]] = {
    "jsonl": _one_by_one(rows.make_jsonl_row, lambda one: find_losses(one, rows.OWN_HOLDS)),
    "messages": _one_by_one(rows.make_messages_row, lambda one: find_losses(one, rows.CHAT_HOLDS)),
    "prompt-completion": _one_by_one(rows.make_prompt_completion_row, lambda one: find_losses(one, rows.CHAT_HOLDS)),
    "openr1": _by_problem,
    "prm800k": _one_by_one(prm800k.make_row, prm800k.find_row_losses),
    "csv": _as_table,
}
"""From a format's name to how traces become lines of it."""
