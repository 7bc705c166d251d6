"""`/progress`: how far the queues are, who does what, and how far reviewers agree."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from tracewright.api.agreement.service import measure
from tracewright.api.http.access import Curator, Principal, Viewer
from tracewright.api.http.fields import NamePath
from tracewright.api.pages.progress_charts import choose_bucket, draw_burn_down, draw_throughput
from tracewright.api.pages.site import SiteDep
from tracewright.api.queues import repository, service
from tracewright.api.services import Services, ServicesDep
from tracewright.api.users.roles import Role

router = APIRouter()
MAX_QUEUES = 100
MAX_MEASURED = 20_000
"""Traces whose judgements are compared at once: more of them take longer than somebody waits."""


@router.get("/progress")
def list_progress(request: Request, site: SiteDep, services: ServicesDep, viewer: Viewer) -> Response:
    """Every queue in short."""
    frame = services.feed.frame
    with services.database.read() as connection:
        rows = repository.list_queues(connection, None, MAX_QUEUES)
        queues = [_view(services, connection, row, viewer) for row in rows]
    decided = frame.rows["decision"].drop_nulls().value_counts().to_dicts()
    return site.respond(
        request,
        "progress.html.jinja",
        viewer,
        queues=queues,
        traces=frame.height,
        reviewed=int((frame.review_count > 0).sum()),
        decisions={one["decision"]: one["count"] for one in decided},
        may_curate=viewer.may(Role.CURATOR),
    )


@router.get("/progress/{name}/agreement")
def show_agreement(request: Request, site: SiteDep, services: ServicesDep, viewer: Curator, name: NamePath) -> Response:
    """How far the reviewers of a queue agree; asked for by the page once it is shown."""
    with services.database.read() as connection:
        queue = service.get_queue(connection, name)
        ids = repository.list_judged(connection, queue.id, MAX_MEASURED)
    return site.respond(request, "agreement.html.jinja", viewer, agreement=measure(services, ids), limit=MAX_MEASURED)


def _view(services: Services, connection: Any, queue: Any, viewer: Principal) -> dict[str, Any]:
    now = services.now()
    progress = service.read_progress(connection, queue, now)
    if not viewer.may(Role.CURATOR):
        for row in progress["reviewers"]:
            if row["reviewer"] != viewer.name:
                row["gold_accuracy"] = None
    bucket = choose_bucket(queue.created_at, now)
    counts = [(row.bucket, row.reviewer, row.count) for row in repository.count_by_time(connection, queue.id, bucket)]
    return {
        "name": queue.name,
        "slice": queue.slice,
        "reviewers_per_trace": queue.reviewers_per_trace,
        "is_closed": queue.closed_at is not None,
        "progress": progress,
        "burn_down": draw_burn_down(progress["wanted"], counts, bucket, queue.created_at, now),
        "throughput": draw_throughput(counts, bucket, queue.created_at, now),
    }
