"""`/people`: users and roles for admins, one's own tokens for everybody."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tracewright.api.audit.repository import list_entries
from tracewright.api.http.access import Viewer
from tracewright.api.http.errors import ForbiddenError
from tracewright.api.http.etags import make_etag
from tracewright.api.http.fields import USER_NAME_PATTERN, to_moment
from tracewright.api.pages.site import SiteDep
from tracewright.api.services import Services, ServicesDep
from tracewright.api.tokens import repository as token_rows
from tracewright.api.users import repository as user_rows
from tracewright.api.users.roles import Role
from tracewright.api.users.service import get_user

router = APIRouter()
MAX_USERS = 500
MAX_ENTRIES = 60
MEANINGS = {
    Role.VIEWER: "reads",
    Role.REVIEWER: "judges traces",
    Role.CURATOR: "makes slices, queues, releases and runs",
    Role.ADMIN: "sees to people",
}


@router.get("/people")
def show_people(
    request: Request,
    site: SiteDep,
    services: ServicesDep,
    viewer: Viewer,
    user: Annotated[str | None, Query(pattern=USER_NAME_PATTERN)] = None,
) -> Response:
    """Users, tokens and the newest changes."""
    is_admin, owner = viewer.may(Role.ADMIN), user or viewer.name
    if owner != viewer.name and not is_admin:
        raise ForbiddenError("only an admin sees others' tokens")
    return site.respond(
        request,
        "people.html.jinja",
        viewer,
        is_admin=is_admin,
        users=_list_users(services) if is_admin else [],
        entries=_list_entries(services) if is_admin else [],
        owner=owner,
        tokens=_list_tokens(services, owner),
        roles=[role.value for role in Role],
        scopes=[role.value for role in Role if viewer.may(role)],
        meanings={role.value: meaning for role, meaning in MEANINGS.items()},
    )


def _list_users(services: Services) -> list[dict[str, Any]]:
    with services.database.read() as connection:
        rows = user_rows.list_users(connection, None, MAX_USERS)
    return [
        {
            "name": row.name,
            "role": row.role,
            "created_at": to_moment(row.created_at),
            "disabled_at": to_moment(row.disabled_at),
            "etag": make_etag(row.id, row.version),
        }
        for row in rows
    ]


def _list_tokens(services: Services, owner: str) -> list[dict[str, Any]]:
    now = services.now()
    with services.database.read() as connection:
        rows = token_rows.list_tokens(connection, get_user(connection, owner).id)
    return [
        {
            "id": row.id,
            "etag": make_etag("token", row.id, int(row.revoked_at is not None)),
            "name": row.name,
            "scope": row.scope,
            "created_at": to_moment(row.created_at),
            "expires_at": to_moment(row.expires_at),
            "state": "revoked" if row.revoked_at else "expired" if row.expires_at <= now else "valid",
        }
        for row in rows
    ]


def _list_entries(services: Services) -> list[dict[str, Any]]:
    with services.database.read() as connection:
        rows = list_entries(connection, None, MAX_ENTRIES)
    return [
        {"at": to_moment(row.at), "user": row.user_name, "action": row.action, "subject": row.subject} for row in rows
    ]
