"""The users' rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from tracewright.api.database.tables import USERS
from tracewright.api.users.roles import Role


def add_user(connection: Connection, name: str, role: Role, now: int) -> int:
    """Add a user; the new id."""
    result = connection.execute(insert(USERS).values(name=name, role=role.value, created_at=now).returning(USERS.c.id))
    return result.scalar_one()


def find_user(connection: Connection, name: str) -> Any | None:
    """The user of that name."""
    return connection.execute(select(USERS).where(USERS.c.name == name)).one_or_none()


def list_users(connection: Connection, after: str | None, limit: int) -> list[Any]:
    """Users by name, beyond a name."""
    query = select(USERS).order_by(USERS.c.name).limit(limit)
    return list(connection.execute(query if after is None else query.where(USERS.c.name > after)))


def change_user(connection: Connection, user_id: int, role: Role, disabled_at: int | None) -> Any:
    """Set a user's role and whether it is disabled; the new row."""
    values = {"role": role.value, "disabled_at": disabled_at, "version": USERS.c.version + 1}
    return connection.execute(update(USERS).where(USERS.c.id == user_id).values(values).returning(USERS)).one()


def count_users(connection: Connection) -> int:
    """How many users there are."""
    return connection.execute(select(func.count()).select_from(USERS)).scalar_one()


def count_admins(connection: Connection) -> int:
    """How many admins are not disabled."""
    query = select(func.count()).where(USERS.c.role == Role.ADMIN.value, USERS.c.disabled_at.is_(None))
    return connection.execute(query).scalar_one()
