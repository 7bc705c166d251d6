"""Files of traces to files of checked steps: what `tracewright check-steps` does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from tracewright.pipeline.steps.check import CheckedStep, check_steps, first_failed_step
from tracewright.pipeline.steps.graph import step_graph
from tracewright.pipeline.steps.graphml import to_graphml
from tracewright.schemas.errors import InputError, MissingInputError

_EXPECTED = 'expected a JSON object {"question": string, "steps": [string, …]} on each line'


@dataclass(frozen=True)
class CheckCounts:
    """What a run of `check_steps_file` met."""

    traces: int
    steps: int
    holds: int
    fails: int
    unchecked: int
    failed_traces: int
    """Traces with a first failed step."""


def check_steps_file(traces: Path, out: Path, graphs: Path | None = None) -> CheckCounts:
    """Check every trace of a JSON-lines file; one result a line, in the same order. Blank lines are passed over.

    The output is written aside and moved into place at the end: it is whole or not there. `graphs` is a folder for the
    step graphs, `trace-NNNNNN.graphml` by the trace's place in the file, from 0.

    Raises:
        MissingInputError: `traces` is not there.
        InputError: a line is not a trace; the message names the line.
    """
    if not traces.is_file():
        raise MissingInputError(f"no file {traces}: expected a JSON-lines file of traces; {_EXPECTED}")
    if not out.parent.is_dir():
        raise MissingInputError(f"no folder {out.parent} for {out.name}: expected one that exists; create it first")
    aside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with aside.open("w", encoding="utf-8") as sink:
            counts = _check_lines(traces, sink, graphs)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    return counts


def _check_lines(traces: Path, sink: TextIO, graphs: Path | None) -> CheckCounts:
    totals = {"holds": 0, "fails": 0, "unchecked": 0}
    checked_traces = failed_traces = 0
    for question, steps in _read_traces(traces):
        checked = check_steps(question, steps)
        first = first_failed_step(checked)
        if graphs is not None:
            graphs.mkdir(parents=True, exist_ok=True)
            document = to_graphml(step_graph(checked), steps)
            (graphs / f"trace-{checked_traces:06d}.graphml").write_text(document, encoding="utf-8")
        for step in checked:
            totals[step.check.outcome.value] += 1
        checked_traces += 1
        failed_traces += first is not None
        sink.write(json.dumps(_to_row(checked, first), ensure_ascii=False) + "\n")
    return CheckCounts(checked_traces, sum(totals.values()), **totals, failed_traces=failed_traces)


def _to_row(checked: list[CheckedStep], first: int | None) -> dict[str, Any]:
    steps = [
        {
            "check": step.check.outcome.value,
            "reason": step.check.reason,
            "depends_on": [source for source in step.depends_on if source >= 0],
        }
        for step in checked
    ]
    return {"steps": steps, "first_failed_step": first}


def _read_traces(path: Path) -> Iterator[tuple[str, list[str]]]:
    with path.open("rb") as source:
        for number, line in enumerate(source, start=1):
            if line.strip():
                yield _read_trace(line, f"{path}, line {number}")


def _read_trace(line: bytes, place: str) -> tuple[str, list[str]]:
    try:
        row: object = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not JSON ({error}); {_EXPECTED}") from error
    if not isinstance(row, dict):
        raise InputError(f"{place}: a JSON {type(row).__name__}; {_EXPECTED}")
    fields = cast("dict[str, object]", row)
    question, steps = fields.get("question"), fields.get("steps")
    if not isinstance(question, str):
        raise InputError(f'{place}: "question" is {_describe(question)}; {_EXPECTED}')
    if not isinstance(steps, list):
        raise InputError(f'{place}: "steps" is {_describe(steps)}; {_EXPECTED}')
    for index, step in enumerate(cast("list[object]", steps)):
        if not isinstance(step, str):
            raise InputError(f"{place}: step {index} is {_describe(step)}; {_EXPECTED}")
    return question, cast("list[str]", steps)


def _describe(value: object) -> str:
    return "missing" if value is None else f"of type {type(value).__name__}"
