"""Carrying out and undoing bulk events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from tracewright.api.bulk import repository
from tracewright.api.http.changes import Change
from tracewright.api.http.errors import ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from tracewright.api.reviews.models import NewReview
from tracewright.api.reviews.repository import add_events
from tracewright.api.reviews.service import make_row, make_undo_row
from tracewright.api.services import Services
from tracewright.api.traces.service import choose, require_whole
from tracewright.api.users.roles import Role

MAX_TRACES = 100_000
"""Of one bulk event: it is one transaction, and others wait for it."""


def find_traces(services: Services, where: str) -> list[str]:
    """The ids of the traces that a filter lets through."""
    frame = services.feed.frame
    require_whole(frame)
    rows = choose(services, frame, where)
    return frame.scalars["trace_id"].to_list() if rows is None else frame.scalars["trace_id"][rows].to_list()


def judge(change: Change, where: str, event: NewReview, trace_ids: list[str], expected: int) -> Any:
    """Say the same of all of these traces.

    Raises:
        ConflictError: there are more or fewer of them than the one who asks has seen.
        UnprocessableError: there are too many, or none.
    """
    if len(trace_ids) != expected:
        raise ConflictError(f"the filter finds {len(trace_ids):,} traces now, not {expected:,}: look at it again")
    if not 1 <= expected <= MAX_TRACES:
        raise UnprocessableError(f"a bulk event is about 1 to {MAX_TRACES:,} traces, not {expected:,}")
    row = {
        "filter": where,
        "action": event.model_dump(mode="json", exclude_none=True),
        "traces": expected,
        "author": change.principal.name,
        "created_at": change.now,
    }
    bulk = repository.add_bulk(change.connection, row)
    add_events(change.connection, [make_row(change, trace_id, event, bulk_id=bulk.id) for trace_id in trace_ids])
    change.audit("bulk.judge", bulk.id, where=where, traces=expected)
    _show(change, expected)
    return bulk


def undo(change: Change, bulk: Any) -> Any:
    """Take all of a bulk event's reviews back.

    Raises:
        ForbiddenError: it is somebody else's, and the one who asks is no admin.
        ConflictError: it is undone already.
    """
    if bulk.author != change.principal.name and not change.principal.may(Role.ADMIN):
        raise ForbiddenError(f"only {bulk.author} or an admin can undo this")
    if bulk.undone_at is not None:
        raise ConflictError(f"bulk {bulk.id} is undone already")
    parts = repository.list_parts(change.connection, bulk.id)
    undone = {"bulk_id": bulk.id, "reviewer": bulk.author}
    add_events(change.connection, [make_undo_row(change, part) | undone for part in parts])
    change.audit("bulk.undo", bulk.id, traces=len(parts))
    _show(change, len(parts))
    return repository.mark_undone(change.connection, bulk.id, change.now)


def get_bulk(connection: Connection, bulk_id: int) -> Any:
    """One bulk event.

    Raises:
        NotFoundError: there is none.
    """
    bulk = repository.find_bulk(connection, bulk_id)
    if bulk is None:
        raise NotFoundError(f"there is no bulk event {bulk_id}")
    return bulk


def _show(change: Change, events: int) -> None:
    change.after_commit(change.services.feed.refresh_reviews)
    change.after_commit(lambda: change.services.metrics.reviews.inc(events))
