"""The tokens' and sessions' rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, insert, select, update

from tracewright.api.database.tables import SESSIONS, TOKENS, USERS
from tracewright.api.users.roles import Role

_NOW, _HASH = bindparam("now", type_=BigInteger), bindparam("hash")
_VALID = (
    select(USERS.c.id, USERS.c.name, USERS.c.role, TOKENS.c.scope, TOKENS.c.id)
    .select_from(TOKENS)
    .join(USERS, USERS.c.id == TOKENS.c.user_id)
    .where(TOKENS.c.revoked_at.is_(None), TOKENS.c.expires_at > _NOW, USERS.c.disabled_at.is_(None))
)
_BY_TOKEN = _VALID.where(TOKENS.c.hash == _HASH)
_BY_SESSION = _VALID.join(SESSIONS, SESSIONS.c.token_id == TOKENS.c.id).where(
    SESSIONS.c.hash == _HASH, SESSIONS.c.ended_at.is_(None), SESSIONS.c.expires_at > _NOW
)
"""Made once: every request asks one of these, and making it took longer than asking."""


@dataclass(frozen=True)
class Credential:
    """What a valid token or session stands for."""

    user_id: int
    user_name: str
    role: str
    scope: str
    token_id: int


def add_token(
    connection: Connection, user_id: int, name: str, scope: Role, hash_: str, now: int, expires_at: int
) -> int:
    """Add a token; the new id."""
    row = {"user_id": user_id, "name": name, "scope": scope.value, "hash": hash_, "created_at": now}
    query = insert(TOKENS).values(**row, expires_at=expires_at).returning(TOKENS.c.id)
    return connection.execute(query).scalar_one()


def find_by_token(connection: Connection, hash_: str, now: int) -> Credential | None:
    """What a token stands for; None where it is unknown, revoked or expired, or its user disabled."""
    row = connection.execute(_BY_TOKEN, {"hash": hash_, "now": now}).one_or_none()
    return None if row is None else Credential(*row)


def find_by_session(connection: Connection, hash_: str, now: int) -> Credential | None:
    """What a session stands for; it ends with the token that began it."""
    row = connection.execute(_BY_SESSION, {"hash": hash_, "now": now}).one_or_none()
    return None if row is None else Credential(*row)


def list_tokens(connection: Connection, user_id: int) -> list[Any]:
    """A user's tokens, the newest first."""
    return list(connection.execute(select(TOKENS).where(TOKENS.c.user_id == user_id).order_by(TOKENS.c.id.desc())))


def find_token(connection: Connection, token_id: int) -> Any | None:
    """One token with its user's name."""
    query = select(TOKENS, USERS.c.name.label("user_name")).join(USERS, USERS.c.id == TOKENS.c.user_id)
    return connection.execute(query.where(TOKENS.c.id == token_id)).one_or_none()


def revoke_token(connection: Connection, token_id: int, now: int) -> None:
    """End a token, and with it its sessions."""
    connection.execute(update(TOKENS).where(TOKENS.c.id == token_id).values(revoked_at=now))


def add_session(connection: Connection, token_id: int, hash_: str, now: int, expires_at: int) -> None:
    """Begin a session."""
    row = {"token_id": token_id, "hash": hash_, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(SESSIONS).values(**row))


def has_session(connection: Connection, hash_: str) -> bool:
    """Whether a session of that secret was begun."""
    return connection.execute(select(SESSIONS.c.id).where(SESSIONS.c.hash == hash_)).one_or_none() is not None


def end_session(connection: Connection, hash_: str, now: int) -> None:
    """End a session."""
    connection.execute(update(SESSIONS).where(SESSIONS.c.hash == hash_).values(ended_at=now))
