"""`/v1/audit`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from tracewright.api.audit.repository import list_entries
from tracewright.api.http.access import Admin
from tracewright.api.http.cursors import encode_cursor, read_number_cursor
from tracewright.api.http.fields import DEFAULT_PAGE, Cursor, Limit, to_moment
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep

router = APIRouter(prefix="/audit", tags=["audit"])


class AuditEntry(BaseModel):
    """One change."""

    seq: int
    at: datetime
    user: str
    action: str
    subject: str
    detail: dict[str, Any]
    request_id: str


class AuditPage(BaseModel):
    """Changes, the newest first."""

    items: list[AuditEntry]
    next: str | None


@router.get("", response_model=AuditPage)
def read_audit(services: ServicesDep, _: Admin, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE) -> Response:
    """The audit log, the newest entry first."""
    with services.database.read() as connection:
        rows = list_entries(connection, read_number_cursor(cursor), limit + 1)
    items = [
        {
            "seq": row.seq,
            "at": to_moment(row.at),
            "user": row.user_name,
            "action": row.action,
            "subject": row.subject,
            "detail": row.detail,
            "request_id": row.request_id,
        }
        for row in rows[:limit]
    ]
    return render({"items": items, "next": encode_cursor(items[-1]["seq"]) if len(rows) > limit else None})
