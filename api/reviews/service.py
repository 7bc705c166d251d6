"""Storing and undoing review events."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from tracewright.api.http.changes import Change
from tracewright.api.http.errors import ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from tracewright.api.http.etags import make_etag
from tracewright.api.http.fields import to_moment
from tracewright.api.reviews import repository
from tracewright.api.reviews.folding import Standing, find_active, fold
from tracewright.api.reviews.models import NewReview
from tracewright.api.services import Services
from tracewright.api.traces.service import get_row
from tracewright.schemas.review import Review


def check_steps(services: Services, trace_id: str, events: Iterable[NewReview]) -> None:
    """Refuse events on a trace or a step that is not there.

    Raises:
        NotFoundError: there is no such trace.
        UnprocessableError: the trace has fewer steps.
    """
    frame = services.feed.frame
    steps = int(frame.numbers("step_count")[get_row(frame, trace_id)])
    for event in events:
        if event.step is not None and event.step >= steps:
            raise UnprocessableError(f"the trace has the steps 0 to {steps - 1}, not {event.step}")


def store(
    change: Change,
    trace_id: str,
    events: Sequence[NewReview],
    *,
    slot_id: int | None = None,
    bulk_id: int | None = None,
) -> list[Any]:
    """Append a reviewer's events to the log; their rows."""
    rows = [make_row(change, trace_id, event, slot_id=slot_id, bulk_id=bulk_id) for event in events]
    return append(change, [trace_id], rows)


def make_row(
    change: Change, trace_id: str, event: NewReview, *, slot_id: int | None = None, bulk_id: int | None = None
) -> dict[str, Any]:
    """An event as a row of the log."""
    said = event.model_dump(mode="json") | {"tags": list(event.tags)}
    return _identify(change, trace_id) | said | {"undoes": None, "slot_id": slot_id, "bulk_id": bulk_id}


def make_undo_row(change: Change, event: Any) -> dict[str, Any]:
    """The event that takes another one back."""
    nothing = dict.fromkeys(NewReview.model_fields) | {"first_error": False, "tags": []}
    return _identify(change, event.trace_id) | nothing | {"undoes": event.review_id, "slot_id": None, "bulk_id": None}


def append(change: Change, trace_ids: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Append rows to the log, and show what they come to once they are durable; the rows of a single trace."""
    repository.add_events(change.connection, rows)
    summaries = repository.summarise_traces(change.connection, trace_ids)
    change.after_commit(lambda: change.services.feed.note(summaries))
    change.after_commit(lambda: change.services.metrics.reviews.inc(len(rows)))
    if len(trace_ids) != 1:
        return []
    new = {row["review_id"] for row in rows}
    return [event for event in repository.list_events(change.connection, trace_ids[0]) if event.review_id in new]


def undo(change: Change, event: Any) -> list[Any]:
    """Take one's own event back; undoing an undo brings the first event back.

    Raises:
        ForbiddenError: it is another reviewer's.
        ConflictError: it is taken back already, or belongs to a bulk event, which is undone as one.
    """
    if event.reviewer != change.principal.name:
        raise ForbiddenError(f"only {event.reviewer} can undo this event")
    if event.bulk_id is not None:
        raise ConflictError(f"the event is part of bulk {event.bulk_id}: undo that, as one")
    log = repository.list_events(change.connection, event.trace_id)
    if event.review_id not in find_active(log):
        raise ConflictError(f"the event {event.review_id} is taken back already")
    return append(change, [event.trace_id], [make_undo_row(change, event)])


def get_event(connection: Connection, review_id: str) -> Any:
    """An event of the log.

    Raises:
        NotFoundError: there is none of that id.
    """
    event = repository.find_event(connection, review_id)
    if event is None:
        raise NotFoundError(f"there is no review event {review_id!r}")
    return event


def state_etag(connection: Connection, trace_id: str, reviewer: str) -> str:
    """Which version of a reviewer's standing on a trace there is."""
    return make_etag("review", repository.last_seq(connection, trace_id, reviewer))


def read_state(events: Sequence[Any], trace_id: str, reviewer: str) -> dict[str, Any]:
    """A reviewer's standing, as it is answered."""
    return to_state(trace_id, fold(events).get(reviewer, Standing(reviewer)))


def read_decision(change: Change, trace_id: str) -> str:
    """The decision of the one who asks on a trace, as it stands; empty for none."""
    reviewer = change.principal.name
    standing = fold(repository.list_events(change.connection, trace_id, reviewer)).get(reviewer)
    return "" if standing is None or standing.decision is None else standing.decision.value


def to_state(trace_id: str, standing: Standing) -> dict[str, Any]:
    """A standing, as it is answered."""
    steps = [
        {
            "step": number,
            "label": step.label,
            "error_type": step.error_type,
            "corrected_text": step.corrected_text,
        }
        for number, step in sorted(standing.steps.items())
    ]
    return {
        "trace_id": trace_id,
        "reviewer": standing.reviewer,
        "decision": standing.decision,
        "first_error": standing.first_error,
        "error_type": standing.error_type,
        "corrected_answer": standing.corrected_answer,
        "tags": standing.tags,
        "steps": steps,
        "seconds": standing.seconds,
    }


def to_event(row: Any, active: set[str] | None = None) -> dict[str, Any]:
    """An event, as it is answered."""
    event = {name: getattr(row, name) for name in Review.model_fields if name != "created_at"}
    more = {"seq": row.seq, "created_at": to_moment(row.created_at), "bulk": row.bulk_id}
    return event | more | {"active": None if active is None else row.review_id in active}


def _identify(change: Change, trace_id: str) -> dict[str, Any]:
    named = {"review_id": uuid.uuid4().hex, "trace_id": trace_id, "reviewer": change.principal.name}
    return named | {"created_at": change.now}
