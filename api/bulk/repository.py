"""The rows of bulk events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from tracewright.api.database.tables import BULKS, REVIEWS


def add_bulk(connection: Connection, row: dict[str, Any]) -> Any:
    """A new bulk event."""
    return connection.execute(insert(BULKS).values(**row).returning(BULKS)).one()


def find_bulk(connection: Connection, bulk_id: int) -> Any | None:
    """One bulk event."""
    return connection.execute(select(BULKS).where(BULKS.c.id == bulk_id)).one_or_none()


def list_bulks(connection: Connection, before: int | None, limit: int) -> list[Any]:
    """Bulk events, the newest first, older than an id."""
    query = select(BULKS).order_by(BULKS.c.id.desc()).limit(limit)
    return list(connection.execute(query if before is None else query.where(BULKS.c.id < before)))


def list_parts(connection: Connection, bulk_id: int) -> list[Any]:
    """The review events that a bulk event made."""
    query = select(REVIEWS.c.review_id, REVIEWS.c.trace_id, REVIEWS.c.reviewer)
    return list(connection.execute(query.where(REVIEWS.c.bulk_id == bulk_id, REVIEWS.c.undoes.is_(None))))


def mark_undone(connection: Connection, bulk_id: int, now: int) -> Any:
    """Put down that a bulk event is undone."""
    return connection.execute(update(BULKS).where(BULKS.c.id == bulk_id).values(undone_at=now).returning(BULKS)).one()
