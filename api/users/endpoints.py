"""`/v1/users`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from tracewright.api.http.access import Admin, Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.cursors import encode_cursor, read_name_cursor
from tracewright.api.http.etags import check_match, make_etag
from tracewright.api.http.fields import DEFAULT_PAGE, Body, Cursor, IfMatch, Limit, UserName, UserNamePath, to_moment
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep
from tracewright.api.users import repository, service
from tracewright.api.users.roles import Role

router = APIRouter(prefix="/users", tags=["users"])


class NewUser(Body):
    """A user to add."""

    name: UserName
    role: Role


class UserChange(Body):
    """What to change of a user; what is left out stays."""

    role: Role | None = None
    disabled: bool | None = None


class User(BaseModel):
    """A user."""

    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


class UserPage(BaseModel):
    """Users by name."""

    items: list[User]
    next: str | None


class Myself(BaseModel):
    """Who asks, and as what."""

    name: str
    role: Role


@router.get("", response_model=UserPage)
def list_users(services: ServicesDep, _: Admin, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE) -> Response:
    """Every user, by name."""
    with services.database.read() as connection:
        rows = repository.list_users(connection, read_name_cursor(cursor), limit + 1)
    items = [_to_user(row) for row in rows[:limit]]
    return render({"items": items, "next": encode_cursor(items[-1]["name"]) if len(rows) > limit else None})


@router.post("", response_model=User, status_code=201)
def add_user(changer: ChangerDep, admin: Admin, new: NewUser) -> Response:
    """Add a user, who has no token yet."""

    def work(change: Change) -> Reply:
        return _reply(service.add_user(change, new.name, new.role), 201)

    return changer.run(admin, new, work)


@router.get("/me", response_model=Myself)
def read_myself(viewer: Viewer) -> Response:
    """Who this token or session belongs to, and the role that it acts in."""
    return render({"name": viewer.name, "role": viewer.role})


@router.get("/{name}", response_model=User)
def read_user(services: ServicesDep, _: Admin, name: UserNamePath) -> Response:
    """One user."""
    with services.database.read() as connection:
        row = service.get_user(connection, name)
    return render(_to_user(row), etag=make_etag(row.id, row.version))


@router.patch("/{name}", response_model=User)
def change_user(
    changer: ChangerDep, admin: Admin, name: UserNamePath, new: UserChange, if_match: IfMatch = None
) -> Response:
    """Change a user's role, disable or enable it. Nobody is removed: what they did keeps its name."""

    def work(change: Change) -> Reply:
        row = service.get_user(change.connection, name)
        check_match(if_match, make_etag(row.id, row.version))
        return _reply(service.change_user(change, row, new.role, new.disabled))

    return changer.run(admin, new, work)


def _reply(row: Any, status: int = 200) -> Reply:
    return Reply(_to_user(row), status, make_etag(row.id, row.version), f"/v1/users/{row.name}")


def _to_user(row: Any) -> dict[str, Any]:
    moments = {"created_at": to_moment(row.created_at), "disabled_at": to_moment(row.disabled_at)}
    return {"name": row.name, "role": row.role, **moments}
