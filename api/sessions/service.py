"""Beginning and ending sessions."""

from __future__ import annotations

from starlette.responses import Response

from tracewright.api.http.access import SESSION_COOKIE, Principal
from tracewright.api.http.changes import Change, Changer, Reply
from tracewright.api.http.errors import ConflictError
from tracewright.api.tokens import repository
from tracewright.api.tokens.repository import Credential
from tracewright.api.tokens.secrets import derive_csrf, hash_secret
from tracewright.api.users.roles import Role, lower_of

_MICROSECONDS_PER_HOUR = 3_600_000_000


def begin_session(changer: Changer, credential: Credential, secret: str) -> Response:
    """A session of a token's user; the answer sets the cookie."""
    role = lower_of(Role(credential.role), Role(credential.scope))
    principal = Principal(credential.user_id, credential.user_name, role, credential.token_id)
    return changer.run(principal, None, lambda change: make_session(change, credential.token_id, secret))


def make_session(change: Change, token_id: int, secret: str) -> Reply:
    """The session with this secret, of the one who makes the change; it ends with the token.

    Raises:
        ConflictError: there was one and it has ended.
    """
    settings = change.services.settings
    if repository.has_session(change.connection, hash_secret(secret)):
        if repository.find_by_session(change.connection, hash_secret(secret), change.now) is None:
            raise ConflictError("the session of this `Idempotency-Key` has ended: draw a new key")
    else:
        expires_at = change.now + round(settings.session_hours * _MICROSECONDS_PER_HOUR)
        repository.add_session(change.connection, token_id, hash_secret(secret), change.now, expires_at)
        change.audit("session.begin", change.principal.name)
    csrf = derive_csrf(settings.secret.get_secret_value(), secret)
    content = {"name": change.principal.name, "role": change.principal.role, "csrf_token": csrf}
    return Reply(content, 201, cookies=((SESSION_COOKIE, secret, round(settings.session_hours * 3600)),))


def end_session(change: Change, secret: str) -> None:
    """End a session at once, wherever its cookie is."""
    repository.end_session(change.connection, hash_secret(secret), change.now)
    change.audit("session.end", change.principal.name)
