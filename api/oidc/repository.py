"""The rows of identities: which user a provider's subject is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select

from tracewright.api.database.tables import IDENTITIES, USERS


def find_user_of(connection: Connection, issuer: str, subject: str) -> Any | None:
    """The user that a provider's subject is; None where it has not signed in yet."""
    query = select(USERS).join(IDENTITIES, IDENTITIES.c.user_id == USERS.c.id)
    return connection.execute(query.where(IDENTITIES.c.issuer == issuer, IDENTITIES.c.subject == subject)).one_or_none()


def has_identity(connection: Connection, user_id: int, issuer: str) -> bool:
    """Whether a user is somebody at the provider already."""
    query = select(IDENTITIES.c.id).where(IDENTITIES.c.user_id == user_id, IDENTITIES.c.issuer == issuer)
    return connection.execute(query).one_or_none() is not None


def add_identity(connection: Connection, user_id: int, issuer: str, subject: str, now: int) -> None:
    """Put down which user a provider's subject is."""
    row = {"user_id": user_id, "issuer": issuer, "subject": subject, "created_at": now}
    connection.execute(insert(IDENTITIES).values(row))
