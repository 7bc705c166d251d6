"""`/v1/deployments` and `/v1/runs`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, StringConstraints
from starlette.responses import Response

from tracewright.api.http.access import Curator, Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.fields import Body, Comment, Label
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep
from tracewright.schemas.ids import hash_content

router = APIRouter(tags=["runs"])
_DEPLOYMENT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"
_LEADS_OUT = re.compile(r"://|^[/\\~]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)")
"""What would name another machine, or a file outside the folder that the deployment runs in."""


def _keep_inside(value: str) -> str:
    if _LEADS_OUT.search(value):
        raise ValueError("a parameter names no address and no file outside the deployment's folder")
    return value


Scalar = bool | int | float | Annotated[Comment, AfterValidator(_keep_inside)] | None


class Deployment(BaseModel):
    """Something that can be run."""

    name: str
    """`FLOW/NAME`."""
    paused: bool


class DeploymentList(BaseModel):
    """Every deployment."""

    items: list[Deployment]


class NewRun(Body):
    """A run to start."""

    deployment: Annotated[str, StringConstraints(pattern=_DEPLOYMENT)]
    """`FLOW/NAME`, or the name alone where both are the same."""
    parameters: dict[Label, Scalar] = {}


class Run(BaseModel):
    """A run of a deployment."""

    id: UUID
    name: str
    deployment: str | None
    state: str
    state_name: str | None
    message: str | None
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float


class Stage(BaseModel):
    """How far a stage of a run is."""

    stage: str
    share: float
    """From 0 to 1."""
    detail: str
    """How much of how much, how fast, and what comes of it."""
    left_seconds: float | None
    """At the rate so far; null where nothing can be said."""


class WatchedRun(Run):
    """A run with its stages so far."""

    stages: list[Stage]


class RunList(BaseModel):
    """The newest runs."""

    items: list[Run]


class LogLine(BaseModel):
    """A line of a run's log."""

    at: datetime
    level: int
    message: str


class RunLog(BaseModel):
    """A part of a run's log."""

    items: list[LogLine]
    next: int
    """The `offset` of what comes after."""


@router.get("/deployments", response_model=DeploymentList)
def list_deployments(services: ServicesDep, _: Viewer) -> Response:
    """What can be run."""
    return render({"items": services.runs.list_deployments()})


@router.get("/runs", response_model=RunList)
def list_runs(services: ServicesDep, _: Viewer) -> Response:
    """The newest runs."""
    return render({"items": services.runs.list_runs()})


@router.post("/runs", response_model=Run, status_code=201)
def start_run(changer: ChangerDep, services: ServicesDep, curator: Curator, new: NewRun) -> Response:
    """Start a deployment by its name."""

    if (known := changer.find_answer(curator, new)) is not None:
        return known
    # Prefect may take its time, so it is asked before the change; by its own key a repeated request is the same run.
    key = None if changer.key is None else hash_content(curator.name, changer.key)
    run: dict[str, Any] = services.runs.start(new.deployment, dict(new.parameters), key)

    def work(change: Change) -> Reply:
        change.audit("run.start", new.deployment, run=run["id"])
        return Reply(run, 201, location=f"/v1/runs/{run['id']}")

    return changer.run(curator, new, work)


@router.get("/runs/{run_id}", response_model=WatchedRun)
def read_run(services: ServicesDep, _: Viewer, run_id: UUID) -> Response:
    """One run, and how far its stages are."""
    run = services.runs.read_run(run_id)
    return render(run | {"stages": services.runs.read_progress([run_id])[str(run_id)]})


@router.get("/runs/{run_id}/log", response_model=RunLog)
def read_log(
    services: ServicesDep, _: Viewer, run_id: UUID, offset: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Response:
    """A run's log from a line on; ask again with `next`."""
    lines = services.runs.read_log(run_id, offset)
    return render({"items": lines, "next": offset + len(lines)})
