"""`/v1/tokens`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from tracewright.api.http.access import Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.errors import ForbiddenError
from tracewright.api.http.etags import check_match, make_etag
from tracewright.api.http.fields import USER_NAME_PATTERN, Body, IfMatch, Label, NumberPath, UserName, to_moment
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep
from tracewright.api.tokens import repository, service
from tracewright.api.users.roles import Role
from tracewright.api.users.service import get_user

router = APIRouter(prefix="/tokens", tags=["tokens"])
MAX_DAYS = 366


class NewToken(Body):
    """A token to make."""

    name: Label
    scope: Role
    """What it may be used for: no more than its user's role, whatever that becomes."""
    days: int = Field(default=90, ge=1, le=MAX_DAYS)
    user: UserName | None = None
    """Whose; one's own where left out."""


class Token(BaseModel):
    """A token, without its secret."""

    id: int
    name: str
    scope: Role
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class ShownToken(Token):
    """A new token with its secret, which is never shown again."""

    token: str | None = None


class TokenList(BaseModel):
    """A user's tokens."""

    items: list[Token]


@router.get("", response_model=TokenList)
def list_tokens(
    services: ServicesDep,
    viewer: Viewer,
    user: Annotated[str | None, Query(pattern=USER_NAME_PATTERN)] = None,
) -> Response:
    """One's own tokens, or, for an admin, another user's."""
    owner = user or viewer.name
    if owner != viewer.name and not viewer.may(Role.ADMIN):
        raise ForbiddenError("only an admin sees others' tokens")
    with services.database.read() as connection:
        rows = repository.list_tokens(connection, get_user(connection, owner).id)
    return render({"items": [_to_token(row) for row in rows]})


@router.post("", response_model=ShownToken, status_code=201)
def add_token(changer: ChangerDep, viewer: Viewer, new: NewToken) -> Response:
    """Make a token. Its secret is in this answer and nowhere else, not in a repeated answer either."""

    def work(change: Change) -> Reply:
        row, secret = service.add_token(change, new.user or viewer.name, new.name, new.scope, new.days)
        content = _to_token(row) | {"token": secret}
        return Reply(content, 201, _etag(row), f"/v1/tokens/{row.id}", shown_once=("token",))

    return changer.run(viewer, new, work)


@router.get("/{token_id}", response_model=Token)
def read_token(services: ServicesDep, viewer: Viewer, token_id: NumberPath) -> Response:
    """One token of one's own, or, for an admin, of anybody's."""
    with services.database.read() as connection:
        row = service.get_token(connection, viewer, token_id)
    return render(_to_token(row), etag=_etag(row))


@router.delete("/{token_id}", status_code=204)
def revoke_token(changer: ChangerDep, viewer: Viewer, token_id: NumberPath, if_match: IfMatch = None) -> Response:
    """Revoke a token; sessions that it began end too."""

    def work(change: Change) -> Reply:
        row = service.get_token(change.connection, viewer, token_id)
        check_match(if_match, _etag(row))
        service.revoke_token(change, row)
        return Reply({}, 204)

    return changer.run(viewer, None, work)


def _etag(row: Any) -> str:
    return make_etag("token", row.id, int(row.revoked_at is not None))


def _to_token(row: Any) -> dict[str, Any]:
    moments = {name: to_moment(getattr(row, name)) for name in ("created_at", "expires_at", "revoked_at")}
    return {"id": row.id, "name": row.name, "scope": row.scope, **moments}
