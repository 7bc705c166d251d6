"""From who the provider says it is to a user and a session."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import orjson

from tracewright.api.http.changes import Change
from tracewright.api.http.errors import ForbiddenError, NotSignedInError
from tracewright.api.http.fields import USER_NAME_PATTERN
from tracewright.api.oidc.provider import Identity, Ticket
from tracewright.api.oidc.repository import add_identity, find_user_of, has_identity
from tracewright.api.settings import ServiceSettings
from tracewright.api.tokens.repository import add_token
from tracewright.api.tokens.secrets import draw_token, hash_secret, is_same, sign
from tracewright.api.users.repository import find_user
from tracewright.api.users.roles import Role
from tracewright.api.users.service import add_user

TICKET_SECONDS = 600
"""How long somebody may take at the provider."""
TOKEN_NAME = "single sign-on"  # noqa: S105
_PURPOSE = b"oidc:"
_MICROSECONDS_PER_HOUR = 3_600_000_000


def find_or_add_user(change: Change, identity: Identity, new_users: Role | None) -> Any:
    """The user that an identity is: known by its subject, or, the first time, by its verified email address.

    Raises:
        ForbiddenError: there is no such user and none may be added, or the user is somebody else at the provider.
        NotSignedInError: the user is disabled.
    """
    user = find_user_of(change.connection, identity.issuer, identity.subject)
    if user is None:
        user = find_user(change.connection, identity.email) or _add(change, identity.email, new_users)
        if has_identity(change.connection, user.id, identity.issuer):
            raise ForbiddenError(f"the user {identity.email!r} is another account of the provider: ask an admin")
        add_identity(change.connection, user.id, identity.issuer, identity.subject, change.now)
        change.audit("user.link", user.name, issuer=identity.issuer)
    if user.disabled_at is not None:
        raise NotSignedInError("the user is disabled: ask an admin")
    return user


def add_hidden_token(change: Change, user: Any) -> int:
    """A token that nobody knows, for a session to rest on: revoking it ends the session."""
    expires_at = change.now + round(change.services.settings.session_hours * _MICROSECONDS_PER_HOUR)
    hash_ = hash_secret(draw_token())
    return add_token(change.connection, user.id, TOKEN_NAME, Role(user.role), hash_, change.now, expires_at)


def write_ticket(settings: ServiceSettings, ticket: Ticket, now: int) -> str:
    """A ticket as a cookie that only this service can have made."""
    content = orjson.dumps([ticket.state, ticket.nonce, ticket.verifier, now + TICKET_SECONDS * 1_000_000])
    return f"{base64.urlsafe_b64encode(content).decode()}.{_sign(settings, content)}"


def read_ticket(settings: ServiceSettings, cookie: str | None, state: str, now: int) -> Ticket:
    """The ticket of a sign-in that this browser began.

    Raises:
        NotSignedInError: there is none, it is too old, or the sign-in is another one.
    """
    text, _, signature = (cookie or "").partition(".")
    try:
        content = base64.urlsafe_b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise _unknown() from error
    if not content or not is_same(signature, _sign(settings, content)):
        raise _unknown()
    known, nonce, verifier, expires_at = orjson.loads(content)
    if not is_same(known, state) or expires_at <= now:
        raise _unknown()
    return Ticket(known, nonce, verifier)


def _add(change: Change, email: str, new_users: Role | None) -> Any:
    if not re.fullmatch(USER_NAME_PATTERN, email):
        raise ForbiddenError(f"{email!r} can't name a user: use an address of a–z, 0–9, '.', '_', '@' and '-'")
    if new_users is None:
        raise ForbiddenError(f"there is no user {email!r}: ask an admin to add one of that name")
    return add_user(change, email, new_users)


def _sign(settings: ServiceSettings, content: bytes) -> str:
    return sign(settings.secret.get_secret_value(), _PURPOSE + content)


def _unknown() -> NotSignedInError:
    return NotSignedInError("this browser began no such sign-in, or too long ago: begin again at /v1/sessions/oidc")
