"""The jobs' rows."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from tracewright.api.database.tables import JOBS


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def add_job(connection: Connection, kind: str, asked: dict[str, Any], author: str, now: int) -> Any:
    """A new job that waits to be run."""
    row = {"kind": kind, "state": JobState.WAITING.value, "asked": asked, "author": author, "created_at": now}
    return connection.execute(insert(JOBS).values(**row).returning(JOBS)).one()


def find_job(connection: Connection, job_id: int) -> Any | None:
    """One job."""
    return connection.execute(select(JOBS).where(JOBS.c.id == job_id)).one_or_none()


def list_jobs(connection: Connection, before: int | None, limit: int) -> list[Any]:
    """Jobs, the newest first, older than an id."""
    query = select(JOBS).order_by(JOBS.c.id.desc()).limit(limit)
    return list(connection.execute(query if before is None else query.where(JOBS.c.id < before)))


def take_job(connection: Connection, now: int, silent_before: int) -> Any | None:
    """The oldest job that waits, or whose process has been silent too long, as running; None for none."""
    open_ = or_(
        JOBS.c.state == JobState.WAITING.value,
        (JOBS.c.state == JobState.RUNNING.value) & (JOBS.c.beat_at < silent_before),
    )
    first = select(JOBS.c.id).where(open_).order_by(JOBS.c.id).limit(1).scalar_subquery()
    values = {"state": JobState.RUNNING.value, "started_at": now, "beat_at": now, "progress": 0.0, "note": ""}
    return connection.execute(update(JOBS).where(JOBS.c.id == first).values(values).returning(JOBS)).one_or_none()


def beat(connection: Connection, job_id: int, now: int, progress: float, note: str) -> None:
    """Say that a job is alive, and how far it is."""
    values = {"beat_at": now, "progress": progress, "note": note}
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(values))


def end_job(connection: Connection, job_id: int, now: int, result: dict[str, Any] | None, error: str | None) -> None:
    """Put down how a job ended."""
    state = JobState.DONE if error is None else JobState.FAILED
    values = {"state": state.value, "result": result, "error": error, "ended_at": now, "beat_at": now}
    progress = {"progress": 1.0} if error is None else {}
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(values | progress))
