"""Adding and changing users."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection

from tracewright.api.audit.repository import add_entry
from tracewright.api.database import Database
from tracewright.api.http.changes import Change
from tracewright.api.http.errors import ConflictError, NotFoundError
from tracewright.api.http.fields import USER_NAME_PATTERN
from tracewright.api.tokens.repository import add_token
from tracewright.api.tokens.secrets import draw_token, hash_secret
from tracewright.api.users import repository
from tracewright.api.users.roles import Role
from tracewright.schemas.errors import InputError

FIRST_TOKEN_DAYS = 90
COMMAND_LINE = "command line"
"""Who the audit log says it was; no user's name has a space."""
MICROSECONDS_PER_DAY = 86_400_000_000


def add_user(change: Change, name: str, role: Role) -> Any:
    """A new user.

    Raises:
        ConflictError: the name is taken.
    """
    if repository.find_user(change.connection, name) is not None:
        raise ConflictError(f"there is a user {name!r} already: change it, or choose another name")
    repository.add_user(change.connection, name, role, change.now)
    change.audit("user.add", name, role=role.value)
    return repository.find_user(change.connection, name)


def change_user(change: Change, user: Any, role: Role | None, disabled: bool | None) -> Any:
    """Give a user another role, or disable or enable it.

    Raises:
        ConflictError: no admin would be left.
    """
    disabled_at = user.disabled_at if disabled is None else ((user.disabled_at or change.now) if disabled else None)
    row = repository.change_user(change.connection, user.id, role or Role(user.role), disabled_at)
    if repository.count_admins(change.connection) == 0:
        raise ConflictError("no admin would be left: make somebody else one first")
    change.audit("user.change", user.name, role=row.role, disabled=row.disabled_at is not None)
    return row


def get_user(connection: Any, name: str) -> Any:
    """The user of that name.

    Raises:
        NotFoundError: there is none.
    """
    row = repository.find_user(connection, name)
    if row is None:
        raise NotFoundError(f"there is no user {name!r}")
    return row


def add_user_with_token(database: Database, name: str, role: Role, now: int, days: int = FIRST_TOKEN_DAYS) -> str:
    """A new token for a user, who is added where there is none of that name: for the command line.

    Raises:
        InputError: the name can't be a user's, or the user has another role.
    """
    if not re.fullmatch(USER_NAME_PATTERN, name):
        raise InputError(f"{name!r} can't name a user: use up to 64 of a–z, 0–9, '.', '_', '@' and '-'")
    token = draw_token()
    with database.write() as connection:
        user = repository.find_user(connection, name)
        if user is not None and user.role != role.value:
            raise InputError(f"there is a user {name!r} with the role {user.role}: name that role for a further token")
        user_id = user.id if user is not None else _add_from_shell(connection, name, role, now)
        expires = now + days * MICROSECONDS_PER_DAY
        token_id = add_token(connection, user_id, COMMAND_LINE, role, hash_secret(token), now, expires)
        detail = {"user": name, "scope": role.value, "days": days}
        add_entry(connection, now, COMMAND_LINE, "token.add", str(token_id), detail, "")
    return token


def _add_from_shell(connection: Connection, name: str, role: Role, now: int) -> int:
    user_id = repository.add_user(connection, name, role, now)
    add_entry(connection, now, COMMAND_LINE, "user.add", name, {"role": role.value}, "")
    return user_id
