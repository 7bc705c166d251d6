"""A process that scores: completions come in on stdin, a line each, and leave on stdout as Arrow, some at a time.

Started by `scoring_pool`, never imported by it. Ends when its stdin closes, and with its parent.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading

import pyarrow as pa

from tracewright.pipeline.collector import collect_rarely
from tracewright.pipeline.confidence import Calibration
from tracewright.pipeline.config import ReasoningConfig
from tracewright.pipeline.engines.lifeline import end_group_with_parent
from tracewright.pipeline.generation.records import from_record
from tracewright.pipeline.generation.scoring import try_to_score
from tracewright.pipeline.generation.scoring_messages import send_message
from tracewright.pipeline.json_bytes import load_json
from tracewright.schemas import Trace
from tracewright.schemas.arrow import to_table

_BATCH_ROWS = 64

_Lines = queue.SimpleQueue[bytes | None]


def main() -> None:
    """Serve until stdin closes or the parent is gone."""
    end_group_with_parent(int(sys.argv[1]))
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    settings = json.loads(sys.stdin.buffer.readline())
    calibration = settings["calibration"]
    fitted = None if calibration is None else Calibration.model_validate_json(calibration)
    marks = ReasoningConfig.model_validate(settings["reasoning"])
    lines: _Lines = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    send_message(out, {"ready": True}, b"")
    with collect_rarely():
        while (numbered := _take(lines)) is not None:
            scored = [(number, try_to_score(from_record(load_json(line)), fitted, marks)) for number, line in numbered]
            traces = [(number, trace) for number, trace in scored if isinstance(trace, Trace)]
            found = {
                "numbers": [number for number, _ in traces],
                "outcomes": [trace.verdict.outcome.value for _, trace in traces],
                "unscored": [(number, reason) for number, reason in scored if isinstance(reason, str)],
            }
            send_message(out, found, _to_arrow([trace for _, trace in traces]))


def _read(lines: _Lines) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    lines.put(None)


def _take(lines: _Lines) -> list[tuple[int, bytes]] | None:
    """What has come, as far as one batch goes; waits for the first."""
    taken: list[tuple[int, bytes]] = []
    while len(taken) < _BATCH_ROWS and not (taken and lines.empty()):
        line = lines.get()
        if line is None:
            lines.put(None)
            return taken or None
        number, _, record = line.partition(b" ")
        taken.append((int(number), record))
    return taken


def _to_arrow(traces: list[Trace]) -> bytes:
    table = to_table(Trace, traces)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


if __name__ == "__main__":
    main()
