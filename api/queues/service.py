"""Making queues and counting how far they are."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from sqlalchemy import Connection

from tracewright.api.http.changes import Change
from tracewright.api.http.errors import ConflictError, NotFoundError, UnprocessableError
from tracewright.api.http.fields import to_moment
from tracewright.api.queues import repository
from tracewright.api.queues.repository import SlotKind
from tracewright.api.services import Services
from tracewright.api.slices.service import choose_slice
from tracewright.api.traces.frame import Frame

MAX_TRACES = 200_000


class QueueOrder(StrEnum):
    """Which traces come first."""

    LEAST_CONFIDENT = "least_confident"
    RANDOM = "random"
    STORED = "stored"


def choose_traces(services: Services, slice_name: str, order: QueueOrder, gold: dict[str, str]) -> list[str]:
    """The ids of a slice's traces in the queue's order, gold questions left out.

    Raises:
        MissingInputError: there is no such slice.
        NotFoundError: a gold question is no trace of the store.
        UnprocessableError: the slice is empty, or too large for a queue.
    """
    frame = services.feed.frame
    for trace_id in gold:
        if frame.row_of(trace_id) is None:
            raise NotFoundError(f"the gold question {trace_id!r} is no trace of the store")
    rows = choose_slice(services, frame, slice_name)
    ids = [
        trace_id for trace_id in frame.scalars["trace_id"][_order(frame, rows, order)].to_list() if trace_id not in gold
    ]
    if not 1 <= len(ids) <= MAX_TRACES:
        raise UnprocessableError(f"a queue has 1 to {MAX_TRACES:,} traces; the slice {slice_name!r} gives {len(ids):,}")
    return ids


def add_queue(change: Change, asked: dict[str, Any], trace_ids: list[str], gold: dict[str, str]) -> Any:
    """A new queue with all of its slots.

    Raises:
        ConflictError: the name is taken.
    """
    if repository.find_queue(change.connection, asked["name"]) is not None:
        raise ConflictError(f"there is a queue {asked['name']!r} already: choose another name")
    row = asked | {"author": change.principal.name, "created_at": change.now}
    queue = repository.add_queue(change.connection, row)
    slots = [
        {"queue_id": queue.id, "trace_id": trace_id, "position": place, "kind": SlotKind.WORK.value, "number": number}
        for place, trace_id in enumerate(trace_ids)
        for number in range(asked["reviewers_per_trace"])
    ]
    repository.add_slots(change.connection, slots)
    repository.add_gold(change.connection, queue.id, gold)
    change.audit("queue.add", queue.name, slice=queue.slice, traces=len(trace_ids), gold=len(gold))
    return queue


def get_queue(connection: Connection, name: str) -> Any:
    """The queue of that name.

    Raises:
        NotFoundError: there is none.
    """
    queue = repository.find_queue(connection, name)
    if queue is None:
        raise NotFoundError(f"there is no queue {name!r}")
    return queue


def read_progress(connection: Connection, queue: Any, now: int) -> dict[str, Any]:
    """How far a queue is, and each of its reviewers."""
    counts = repository.count_slots(connection, queue.id)
    wanted, done = counts.get(SlotKind.WORK, (0, 0))
    disagreements, settled = counts.get(SlotKind.ADJUDICATION, (0, 0))
    reviewers = [
        {
            "reviewer": row.reviewer,
            "submitted": int(row.submitted),
            "open": int(row.open),
            "gold": int(row.gold),
            "gold_right": int(row.gold_right),
            "gold_accuracy": int(row.gold_right) / int(row.gold) if row.gold else None,
            "latest": to_moment(row.latest),
        }
        for row in repository.count_by_reviewer(connection, queue.id, now)
    ]
    total = {"wanted": wanted, "done": done, "disagreements": disagreements, "settled": settled}
    return total | {"reviewers": reviewers}


def _order(frame: Frame, rows: np.ndarray, order: QueueOrder) -> np.ndarray:
    if order is QueueOrder.STORED:
        return rows
    if order is QueueOrder.RANDOM:
        # The hash of the id: a draw that is the same for all, and not the order of anything else.
        return rows[np.argsort(frame.ties[rows])]
    confidence = frame.numbers("confidence")[rows]
    return rows[np.lexsort((frame.ties[rows], np.where(np.isnan(confidence), np.inf, confidence)))]
