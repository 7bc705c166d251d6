"""The review events' rows. They are added and read, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, insert, select

from tracewright.api.database.tables import REVIEWS
from tracewright.api.queues.repository import find_awaited
from tracewright.api.reviews.folding import summarise
from tracewright.api.traces.feed import ReviewSummary

_IDS_AT_ONCE = 5_000
"""In one statement."""
_SUMMARY = (
    REVIEWS.c.seq,
    REVIEWS.c.review_id,
    REVIEWS.c.trace_id,
    REVIEWS.c.reviewer,
    REVIEWS.c.step,
    REVIEWS.c.decision,
    REVIEWS.c.label,
    REVIEWS.c.first_error,
    REVIEWS.c.error_type,
    REVIEWS.c.corrected_text,
    REVIEWS.c.corrected_answer,
    REVIEWS.c.tags,
    REVIEWS.c.seconds,
    REVIEWS.c.undoes,
)


def add_events(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add events, in their order."""
    if rows:
        connection.execute(insert(REVIEWS), list(rows))


def list_events(connection: Connection, trace_id: str, reviewer: str | None = None) -> list[Any]:
    """A trace's events in order, or one reviewer's of them."""
    query = select(REVIEWS).where(REVIEWS.c.trace_id == trace_id).order_by(REVIEWS.c.seq)
    return list(connection.execute(query if reviewer is None else query.where(REVIEWS.c.reviewer == reviewer)))


def list_own(connection: Connection, reviewer: str, before: int | None, limit: int) -> list[Any]:
    """A reviewer's events, the newest first, older than a sequence number."""
    query = select(REVIEWS).where(REVIEWS.c.reviewer == reviewer).order_by(REVIEWS.c.seq.desc()).limit(limit)
    return list(connection.execute(query if before is None else query.where(REVIEWS.c.seq < before)))


def find_event(connection: Connection, review_id: str) -> Any | None:
    """One event."""
    return connection.execute(select(REVIEWS).where(REVIEWS.c.review_id == review_id)).one_or_none()


def last_seq(connection: Connection, trace_id: str, reviewer: str) -> int:
    """The number of a reviewer's newest event on a trace; 0 without one."""
    query = select(func.max(REVIEWS.c.seq)).where(REVIEWS.c.trace_id == trace_id, REVIEWS.c.reviewer == reviewer)
    return connection.execute(query).scalar_one() or 0


def newest_seq(connection: Connection) -> int:
    """The number of the newest event of all: the watermark; 0 without one."""
    return connection.execute(select(func.max(REVIEWS.c.seq))).scalar_one() or 0


def iter_events(connection: Connection, after: int = 0) -> Iterable[Any]:
    """All events beyond a sequence number, in order."""
    return connection.execute(select(REVIEWS).where(REVIEWS.c.seq > after).order_by(REVIEWS.c.seq))


def summarise_since(connection: Connection, seq: int) -> list[ReviewSummary]:
    """The summaries of the traces that have events beyond a sequence number."""
    query = select(REVIEWS.c.trace_id).where(REVIEWS.c.seq > seq).distinct()
    return summarise_traces(connection, [row[0] for row in connection.execute(query)])


def summarise_traces(connection: Connection, trace_ids: Sequence[str]) -> list[ReviewSummary]:
    """The summaries of these traces, all of their events counted."""
    found: list[ReviewSummary] = []
    for trace_id, events in iter_logs(connection, trace_ids):
        decision, count = summarise(events)
        found.append(ReviewSummary(trace_id, max(event.seq for event in events), decision, count))
    for start in range(0, len(found), _IDS_AT_ONCE):
        some = found[start : start + _IDS_AT_ONCE]
        awaited = find_awaited(connection, [summary.trace_id for summary in some])
        found[start : start + len(some)] = [replace(one, is_blind=one.trace_id in awaited) for one in some]
    return found


def iter_logs(connection: Connection, trace_ids: Sequence[str]) -> Iterable[tuple[str, list[Any]]]:
    """Each of these traces that has events, with them in order."""
    for start in range(0, len(trace_ids), _IDS_AT_ONCE):
        some = trace_ids[start : start + _IDS_AT_ONCE]
        query = select(*_SUMMARY).where(REVIEWS.c.trace_id.in_(some)).order_by(REVIEWS.c.trace_id, REVIEWS.c.seq)
        for trace_id, events in groupby(connection.execute(query), key=lambda event: event.trace_id):
            yield trace_id, list(events)
