"""`/review`: judging one trace after the other, by keyboard."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tracewright.api.http.access import Principal, Reviewer
from tracewright.api.http.errors import ForbiddenError
from tracewright.api.http.fields import NamePath, TraceIdPath
from tracewright.api.pages.site import SiteDep
from tracewright.api.pages.trace import read_history, view_trace
from tracewright.api.queues import repository, service
from tracewright.api.queues.repository import SlotKind
from tracewright.api.queues.service import QueueOrder
from tracewright.api.services import Services, ServicesDep
from tracewright.api.traces.service import get_row
from tracewright.api.users.roles import Role
from tracewright.pipeline.curate.slices import list_slices

router = APIRouter()
MAX_QUEUES = 200
Kind = Annotated[SlotKind, Query()]


@router.get("/review")
def list_queues(request: Request, site: SiteDep, services: ServicesDep, viewer: Reviewer) -> Response:
    """The queues, how far they are, and what one has open in them."""
    return site.respond(
        request,
        "queues.html.jinja",
        viewer,
        queues=view_queues(services, viewer),
        may_curate=viewer.may(Role.CURATOR),
        slices=list_slices(services.store.path),
        orders=[order.value for order in QueueOrder],
    )


@router.get("/review/{name}")
def open_queue(
    request: Request,
    site: SiteDep,
    services: ServicesDep,
    viewer: Reviewer,
    name: NamePath,
    kind: Kind = SlotKind.WORK,
) -> Response:
    """Where a queue is worked on: the module claims its traces and shows their cards."""
    if kind is SlotKind.ADJUDICATION and not viewer.may(Role.CURATOR):
        raise ForbiddenError("disagreements are settled by a curator")
    with services.database.read() as connection:
        queue = service.get_queue(connection, name)
        counts = repository.count_slots(connection, queue.id)
    total, done = counts.get(kind, (0, 0))
    return site.respond(
        request,
        "review.html.jinja",
        viewer,
        queue=queue.name,
        kind=kind.value,
        is_closed=queue.closed_at is not None,
        reviewers=queue.reviewers_per_trace,
        total=total,
        done=done,
    )


@router.get("/review/{name}/cards/{trace_id}")
def show_card(
    request: Request,
    site: SiteDep,
    services: ServicesDep,
    viewer: Reviewer,
    name: NamePath,
    trace_id: TraceIdPath,
    kind: Kind = SlotKind.WORK,
) -> Response:
    """One trace as it is judged. Who settles a disagreement sees what was said, nobody else does."""
    frame = services.feed.frame
    trace = services.bodies.read(frame, get_row(frame, trace_id))
    settles = kind is SlotKind.ADJUDICATION and viewer.may(Role.CURATOR)
    said = read_history(services, viewer, trace_id) if settles else {"states": [], "events": []}
    return site.respond(
        request,
        "review-card.html.jinja",
        viewer,
        **view_trace(site, trace),
        states=said["states"],
        events=said["events"],
        queue=name,
    )


def view_queues(services: Services, viewer: Principal) -> list[dict[str, Any]]:
    """Every queue with its counts and one's own open traces."""
    now = services.now()
    with services.database.read() as connection:
        rows = repository.list_queues(connection, None, MAX_QUEUES)
        return [_view_queue(connection, row, viewer, now) for row in rows]


def _view_queue(connection: Any, row: Any, viewer: Principal, now: int) -> dict[str, Any]:
    counts = repository.count_slots(connection, row.id)
    total, done = counts.get(SlotKind.WORK, (0, 0))
    disagreements, settled = counts.get(SlotKind.ADJUDICATION, (0, 0))
    return {
        "name": row.name,
        "slice": row.slice,
        "order": row.order.replace("_", " "),
        "reviewers_per_trace": row.reviewers_per_trace,
        "is_closed": row.closed_at is not None,
        "etag": f'"queue.{row.id}.{row.version}"',
        "total": total,
        "done": done,
        "to_settle": disagreements - settled,
        "open": len(repository.list_open(connection, row.id, viewer.name, now)),
    }
