"""`/runs`: what is being generated, distilled and measured, live."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tracewright.api.http.access import Viewer
from tracewright.api.http.errors import ConflictError, RefusedError
from tracewright.api.jobs.endpoints import to_job
from tracewright.api.jobs.repository import list_jobs
from tracewright.api.pages.site import SiteDep
from tracewright.api.services import ServicesDep
from tracewright.api.users.roles import Role

router = APIRouter()
MAX_JOBS = 15
MAX_LOG_LINES = 400
"""Of one run: the newest."""
_LOG_PAGE = 200
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@router.get("/runs")
def list_runs(request: Request, site: SiteDep, services: ServicesDep, viewer: Viewer) -> Response:
    """The newest runs, what can be started, and the service's own work."""
    runs: list[dict[str, Any]] = []
    deployments: list[dict[str, Any]] = []
    stages: dict[str, list[dict[str, Any]]] = {}
    problem, is_configured = "", True
    try:
        deployments = services.runs.list_deployments()
        runs = services.runs.list_runs()
        going = [UUID(run["id"]) for run in runs if run["state"] == "RUNNING"]
        stages = services.runs.read_progress(going) if going else {}
    except ConflictError:
        is_configured = False
    except RefusedError as error:
        problem = str(error)
    with services.database.read() as connection:
        jobs = [to_job(row) for row in list_jobs(connection, None, MAX_JOBS)]
    return site.respond(
        request,
        "runs.html.jinja",
        viewer,
        runs=runs,
        stages=stages,
        deployments=deployments,
        problem=problem,
        is_configured=is_configured,
        jobs=jobs,
        traces=services.feed.frame.height,
        store_version=services.store.version(),
        may_curate=viewer.may(Role.CURATOR),
        ended=_ENDED,
    )


@router.get("/runs/{run_id}")
def show_run(
    request: Request,
    site: SiteDep,
    services: ServicesDep,
    viewer: Viewer,
    run_id: UUID,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> Response:
    """One run and its log."""
    run = services.runs.read_run(run_id)
    lines: list[dict[str, Any]] = []
    offset = after
    while page := services.runs.read_log(run_id, offset):
        lines, offset = (lines + page)[-MAX_LOG_LINES:], offset + len(page)
        if len(page) < _LOG_PAGE:
            break
    return site.respond(
        request,
        "run.html.jinja",
        viewer,
        run=run,
        lines=lines,
        hidden=offset - len(lines),
        is_over=run["state"] in _ENDED,
        stages=services.runs.read_progress([run_id])[str(run_id)],
    )
