"""What a list shows of a trace that is not in the frame: its question and each step's confidence and check."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from tracewright.api.services import Services
from tracewright.api.traces.frame import Frame

MAX_KNOWN = 20_000
MAX_QUESTION_CHARS = 240
MAX_STEPS = 120
"""A strip of this width shows no more."""
_COLUMNS = ("problem.question", "answer", "steps.list.element.confidence", "steps.list.element.check.outcome")


@dataclass(frozen=True)
class StepMark:
    """One step in a strip."""

    confidence: float | None
    check: str


@dataclass(frozen=True)
class Preview:
    """One trace in a list."""

    question: str
    answer: str | None
    steps: tuple[StepMark, ...]
    hidden_steps: int


class PreviewReader:
    """Reads previews and keeps the latest. For many threads at once."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Preview] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, services: Services, frame: Frame, rows: Sequence[int], seconds: float) -> list[Preview | None]:
        """The rows' previews; None for those that were not read when the time was over: the page asks again.

        Raises:
            StoreError: a shard can't be read.
        """
        ids, began = frame.scalars["trace_id"][np.asarray(rows, np.uint32)].to_list(), perf_counter()
        found: list[Preview | None] = []
        for row, trace_id in zip(rows, ids, strict=True):
            preview = self._find(trace_id)
            if preview is None and perf_counter() - began < seconds:
                preview = _to_preview(services.bodies.read_columns(frame, row, _COLUMNS))
                self._keep(trace_id, preview)
            found.append(preview)
        return found

    def _find(self, trace_id: str) -> Preview | None:
        with self._lock:
            return self._known.get(trace_id)

    def _keep(self, trace_id: str, preview: Preview) -> None:
        with self._lock:
            self._known[trace_id] = preview
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)


def _to_preview(row: dict[str, Any]) -> Preview:
    steps = row["steps"] or []
    marks = tuple(StepMark(step["confidence"], step["check"]["outcome"]) for step in steps[:MAX_STEPS])
    question = " ".join(row["problem"]["question"][: MAX_QUESTION_CHARS * 2].split())
    if len(question) > MAX_QUESTION_CHARS:
        question = question[:MAX_QUESTION_CHARS] + " …"
    return Preview(question, row["answer"], marks, max(0, len(steps) - MAX_STEPS))
