"""Making and revoking tokens."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from tracewright.api.http.access import Principal
from tracewright.api.http.changes import Change
from tracewright.api.http.errors import ForbiddenError, NotFoundError
from tracewright.api.tokens import repository
from tracewright.api.tokens.secrets import draw_token, hash_secret
from tracewright.api.users.roles import Role
from tracewright.api.users.service import MICROSECONDS_PER_DAY, get_user


def add_token(change: Change, owner: str, name: str, scope: Role, days: int) -> tuple[Any, str]:
    """A new token of a user, and its secret, which is stored nowhere.

    Raises:
        ForbiddenError: somebody who is no admin asks for another user's token, or for a scope above their own.
        NotFoundError: there is no such user.
    """
    principal = change.principal
    if owner != principal.name and not principal.may(Role.ADMIN):
        raise ForbiddenError("only an admin makes tokens for others")
    if not principal.may(scope):
        raise ForbiddenError(f"a token for {scope} can't be made by one who acts as {principal.role}")
    secret = draw_token()
    expires_at = change.now + days * MICROSECONDS_PER_DAY
    user = get_user(change.connection, owner)
    token_id = repository.add_token(
        change.connection, user.id, name, scope, hash_secret(secret), change.now, expires_at
    )
    change.audit("token.add", token_id, user=owner, scope=scope.value, days=days)
    return repository.find_token(change.connection, token_id), secret


def get_token(connection: Connection, principal: Principal, token_id: int) -> Any:
    """A token that the one who asks may see and change.

    Raises:
        NotFoundError: there is none, or it is another user's: which of both is nobody's business but an admin's.
    """
    row = repository.find_token(connection, token_id)
    if row is None or (row.user_name != principal.name and not principal.may(Role.ADMIN)):
        raise NotFoundError(f"you have no token {token_id}")
    return row


def revoke_token(change: Change, row: Any) -> None:
    """End a token and its sessions."""
    if row.revoked_at is None:
        repository.revoke_token(change.connection, row.id, change.now)
        change.audit("token.revoke", row.id, user=row.user_name)
