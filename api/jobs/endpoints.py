"""`/v1/jobs`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from tracewright.api.http.access import Viewer
from tracewright.api.http.cursors import encode_cursor, read_number_cursor
from tracewright.api.http.errors import NotFoundError
from tracewright.api.http.fields import DEFAULT_PAGE, Cursor, Limit, NumberPath, to_moment
from tracewright.api.http.rendering import render
from tracewright.api.jobs import repository
from tracewright.api.jobs.repository import JobState
from tracewright.api.services import ServicesDep

router = APIRouter(prefix="/jobs", tags=["jobs"])


class Job(BaseModel):
    """Work in the background."""

    id: int
    kind: str
    state: JobState
    progress: float
    """From 0 to 1."""
    note: str
    asked: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    author: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobPage(BaseModel):
    """Jobs, the newest first."""

    items: list[Job]
    next: str | None


@router.get("", response_model=JobPage)
def list_jobs(services: ServicesDep, _: Viewer, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE) -> Response:
    """Every job, the newest first."""
    with services.database.read() as connection:
        rows = repository.list_jobs(connection, read_number_cursor(cursor), limit + 1)
    items = [to_job(row) for row in rows[:limit]]
    return render({"items": items, "next": encode_cursor(items[-1]["id"]) if len(rows) > limit else None})


@router.get("/{job_id}", response_model=Job)
def read_job(services: ServicesDep, _: Viewer, job_id: NumberPath) -> Response:
    """One job: its progress, and in the end its result or its error."""
    with services.database.read() as connection:
        row = repository.find_job(connection, job_id)
    if row is None:
        raise NotFoundError(f"there is no job {job_id}")
    return render(to_job(row))


def to_job(row: Any) -> dict[str, Any]:
    """A job, as it is answered."""
    plain = ("id", "kind", "state", "progress", "note", "asked", "result", "error", "author")
    moments = {name: to_moment(getattr(row, name)) for name in ("created_at", "started_at", "ended_at")}
    return {name: getattr(row, name) for name in plain} | moments
