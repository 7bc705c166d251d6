"""Scoring in processes of their own: their rows come back as Arrow and go to the writer without becoming models here.

A process that dies costs nothing: what it had is scored here, from the same records.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, cast

import pyarrow as pa

from tracewright.pipeline.generation.distributions import find_top_logprobs, without_distributions
from tracewright.pipeline.generation.records import Finished, to_record
from tracewright.pipeline.generation.scoring import InlineScoring, Scored, keep_unscored
from tracewright.pipeline.generation.scoring_messages import read_message
from tracewright.pipeline.generation.teaching import Teaching
from tracewright.pipeline.json_bytes import dump_json
from tracewright.pipeline.store import TopLogprobs, TraceWriter
from tracewright.schemas import Outcome

_MAX_BACKLOG = 128
"""Rows that a process may have waiting, some 30 MB where each has 20,000 tokens; what is beyond is scored here, so that
all cores score where nothing else holds the run up."""


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    outstanding: dict[int, Finished] = field(default_factory=dict[int, Finished])
    is_ready: bool = False
    is_alive: bool = True


@dataclass(frozen=True)
class _Message:
    worker: _Worker
    found: dict[str, Any] | None
    """None: the process has ended."""
    data: bytes = b""


class ScoringPool:
    """See `scoring.Scoring`. Until its processes are ready, rows are scored here."""

    def __init__(self, writer: TraceWriter, teaching: Teaching, processes: int) -> None:
        self._writer = writer
        self._inline = InlineScoring(writer, teaching)
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        calibration = teaching.calibration
        settings = {
            "calibration": None if calibration is None else calibration.model_dump_json(),
            "reasoning": teaching.reasoning.model_dump(),
        }
        self._workers = [self._start(settings) for _ in range(processes)]

    def submit(self, finished: Finished, number: int) -> list[Scored]:
        """See `Scoring.submit`."""
        scored = list(self._drain())
        free = [one for one in self._workers if one.is_ready and one.is_alive and len(one.outstanding) < _MAX_BACKLOG]
        if not free:
            return [*scored, *self._inline.submit(finished, number)]
        worker = min(free, key=lambda one: len(one.outstanding))
        worker.outstanding[number] = finished
        self._send(worker, b"%d %b\n" % (number, dump_json(to_record(without_distributions(finished)))))
        return scored

    def collect(self) -> list[Scored]:
        """See `Scoring.collect`."""
        if not self._count_outstanding():
            return []
        return [*self._take(self._messages.get()), *self._drain()]

    def close(self) -> None:
        """See `Scoring.close`."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.wait()

    def _find_top_logprobs(self, worker: _Worker, numbers: list[int]) -> dict[str, TopLogprobs]:
        rows = [worker.outstanding[number] for number in numbers]
        found = {one.task.trace_id: find_top_logprobs(one) for one in rows}
        return {trace_id: numbers for trace_id, numbers in found.items() if numbers is not None}

    def _count_outstanding(self) -> int:
        return sum(len(worker.outstanding) for worker in self._workers)

    def _start(self, settings: dict[str, Any]) -> _Worker:
        process = subprocess.Popen(
            [sys.executable, "-m", "tracewright.pipeline.generation.scoring_worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        worker = _Worker(process)
        self._send(worker, dump_json(settings) + b"\n")
        threading.Thread(target=self._read, args=(worker,), name="scores", daemon=True).start()
        return worker

    def _send(self, worker: _Worker, line: bytes) -> None:
        stdin = cast(IO[bytes], worker.process.stdin)
        try:
            stdin.write(line)
            stdin.flush()
        except BrokenPipeError:
            worker.is_alive = False  # its reader says so too, and what it had is scored here then

    def _read(self, worker: _Worker) -> None:
        out = cast(BinaryIO, worker.process.stdout)
        while (message := read_message(out)) is not None:
            self._messages.put(_Message(worker, *message))
        self._messages.put(_Message(worker, None))

    def _drain(self) -> Iterator[Scored]:
        while not self._messages.empty():
            yield from self._take(self._messages.get())

    def _take(self, message: _Message) -> list[Scored]:
        worker = message.worker
        if message.found is None:
            worker.is_alive = False
            lost, worker.outstanding = worker.outstanding, {}
            return [one for number, finished in lost.items() for one in self._inline.submit(finished, number)]
        if "ready" in message.found:
            worker.is_ready = True
            return []
        numbers = message.found["numbers"]
        with pa.ipc.open_stream(message.data) as stream:
            self._writer.add_scored(stream.read_all(), numbers, self._find_top_logprobs(worker, numbers))
        for number in numbers:
            del worker.outstanding[number]
        scored = [Scored(*pair) for pair in zip(numbers, map(Outcome, message.found["outcomes"]), strict=True)]
        for number, reason in message.found["unscored"]:
            scored.append(keep_unscored(self._writer, worker.outstanding.pop(number), number, reason))
        return scored
