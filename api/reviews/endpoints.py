"""`/v1/traces/ID/reviews` and `/v1/reviews`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from tracewright.api.http.access import Reviewer, Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.cursors import encode_cursor, read_number_cursor
from tracewright.api.http.etags import check_match
from tracewright.api.http.fields import DEFAULT_PAGE, Cursor, IfMatch, Limit, TraceIdPath
from tracewright.api.http.rendering import render
from tracewright.api.queues.leases import follow, is_blind_for, submit_slot
from tracewright.api.reviews import repository, service
from tracewright.api.reviews.folding import find_active, fold
from tracewright.api.reviews.models import History, ReviewPage, ReviewState, Stored, Submission
from tracewright.api.services import ServicesDep
from tracewright.api.traces.service import get_row

router = APIRouter(tags=["reviews"])
ReviewId = Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$")]


@router.get("/traces/{trace_id}/reviews", response_model=History)
def read_history(services: ServicesDep, viewer: Viewer, trace_id: TraceIdPath) -> Response:
    """Every event on a trace, undone ones too, and what stands. What is still blind is left out."""
    get_row(services.feed.frame, trace_id)
    with services.database.read() as connection:
        events = repository.list_events(connection, trace_id)
        if is_blind_for(connection, trace_id, viewer):
            events = [event for event in events if event.reviewer == viewer.name]
    active = find_active(events)
    states = [service.to_state(trace_id, standing) for standing in fold(events).values()]
    return render({"events": [service.to_event(event, active) for event in events], "states": states})


@router.get("/traces/{trace_id}/review", response_model=ReviewState)
def read_own(services: ServicesDep, viewer: Viewer, trace_id: TraceIdPath) -> Response:
    """What the one who asks says of a trace, as it stands."""
    get_row(services.feed.frame, trace_id)
    with services.database.read() as connection:
        events = repository.list_events(connection, trace_id)
        etag = service.state_etag(connection, trace_id, viewer.name)
    return render(service.read_state(events, trace_id, viewer.name), etag=etag)


@router.post("/traces/{trace_id}/reviews", response_model=Stored, status_code=201)
def add_reviews(
    changer: ChangerDep,
    services: ServicesDep,
    reviewer: Reviewer,
    trace_id: TraceIdPath,
    submission: Submission,
    if_match: IfMatch = None,
) -> Response:
    """Append events. `If-Match`, where given, names the own standing that they were made on."""
    service.check_steps(services, trace_id, submission.events)

    def work(change: Change) -> Reply:
        etag = service.state_etag(change.connection, trace_id, reviewer.name)
        check_match(if_match, etag, required=False)
        lease = submission.lease
        if lease is not None:
            submit_slot(change, trace_id, lease.slot, lease.fence, submission.decision)
        if submission.decision:
            follow(change, trace_id, submission.decision)
        stored = service.store(change, trace_id, submission.events, slot_id=None if lease is None else lease.slot)
        return _reply(change, trace_id, stored, 201)

    return changer.run(reviewer, submission, work)


@router.get("/reviews", response_model=ReviewPage)
def list_own(services: ServicesDep, viewer: Viewer, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE) -> Response:
    """One's own events on all traces, the newest first."""
    with services.database.read() as connection:
        rows = repository.list_own(connection, viewer.name, read_number_cursor(cursor), limit + 1)
    items = [service.to_event(row) for row in rows[:limit]]
    return render({"items": items, "next": encode_cursor(rows[limit - 1].seq) if len(rows) > limit else None})


@router.post("/reviews/{review_id}/undo", response_model=Stored, status_code=201)
def undo(changer: ChangerDep, reviewer: Reviewer, review_id: ReviewId, if_match: IfMatch = None) -> Response:
    """Take an event of one's own back. `If-Match` names the own standing on the trace."""

    def work(change: Change) -> Reply:
        event = service.get_event(change.connection, review_id)
        check_match(if_match, service.state_etag(change.connection, event.trace_id, reviewer.name))
        stored = service.undo(change, event)
        follow(change, event.trace_id, service.read_decision(change, event.trace_id))
        return _reply(change, event.trace_id, stored, 201)

    return changer.run(reviewer, None, work)


def _reply(change: Change, trace_id: str, stored: list[object], status: int) -> Reply:
    events = repository.list_events(change.connection, trace_id, change.principal.name)
    active = find_active(events)
    content = {
        "events": [service.to_event(event, active) for event in stored],
        "state": service.read_state(events, trace_id, change.principal.name),
    }
    etag = service.state_etag(change.connection, trace_id, change.principal.name)
    return Reply(content, status, etag, f"/v1/traces/{trace_id}/review")
