"""The audit log's rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select

from tracewright.api.database.tables import AUDIT


def add_entry(
    connection: Connection, at: int, user: str, action: str, subject: str, detail: dict[str, Any], request_id: str
) -> None:
    """Add an entry."""
    row = {"at": at, "user_name": user, "action": action, "subject": subject, "detail": detail}
    connection.execute(insert(AUDIT).values(**row, request_id=request_id))


def list_entries(connection: Connection, before: int | None, limit: int) -> list[Any]:
    """Entries from the newest on, older than a sequence number."""
    query = select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(limit)
    return list(connection.execute(query if before is None else query.where(AUDIT.c.seq < before)))
