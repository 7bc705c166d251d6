"""Who asks: a bearer token, or a browser's session with a CSRF token for every request that may change something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from tracewright.api.http.errors import ForbiddenError, NotSignedInError, TooManyRequestsError
from tracewright.api.services import Services, ServicesDep
from tracewright.api.tokens.repository import Credential, find_by_session, find_by_token
from tracewright.api.tokens.secrets import derive_csrf, hash_secret, is_same
from tracewright.api.users.roles import Role, lower_of

SESSION_COOKIE = "tracewright_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_MAX_SECRET_CHARS = 200

_BEARER = HTTPBearer(auto_error=False, description="A token: `tracewright user add NAME --role ROLE` prints one.")
_COOKIE = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, description="A session: POST /v1/sessions makes one.")


@dataclass(frozen=True)
class Principal:
    """The user who asks, with the role that this request may act in."""

    user_id: int
    name: str
    role: Role
    token_id: int
    session_secret: str | None = None
    """Where the request came with a session."""

    def may(self, role: Role) -> bool:
        """Whether this request may do what the role may."""
        return self.role.includes(role)


def require(role: Role) -> Callable[..., Principal]:
    """A dependency that lets through who is signed in and may act in the role.

    Raises:
        NotSignedInError: nobody is signed in, or the token or session is not (or no longer) valid.
        ForbiddenError: the role is too low, or a session's request lacks its CSRF token.
        TooManyRequestsError: the user, or an address with wrong tokens, asks too often.
    """

    def check(
        request: Request,
        services: ServicesDep,
        bearer: Annotated[object, Depends(_BEARER)],
        cookie: Annotated[str | None, Depends(_COOKIE)],
    ) -> Principal:
        principal = identify(request, services)
        request.state.user = principal.name
        count_request(services, f"user:{principal.user_id}")
        if not principal.may(role):
            raise ForbiddenError(
                f"this needs the role {role}, and this token or user has {principal.role}: ask an admin"
            )
        return principal

    return check


def count_request(services: Services, asker: str) -> None:
    """Count a request of a user, or of an address where nobody is known yet.

    Raises:
        TooManyRequestsError: there are too many.
    """
    if not services.requests.take(asker):
        raise TooManyRequestsError(f"more than {services.settings.requests_per_second:g} requests a second: wait")


def identify(request: Request, services: Services) -> Principal:
    """Who the request's token or cookie belongs to."""
    address = address_of(request)
    if not services.logins.has(address):
        raise TooManyRequestsError("too many wrong tokens from this address: wait a minute")
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(SESSION_COOKIE)
    if kind.lower() == "bearer" and secret.strip():
        credential = look_up(services, secret.strip(), address)
        return _to_principal(credential)
    if cookie:
        _check_csrf(request, services, cookie)
        with services.database.read() as connection:
            credential = find_by_session(connection, hash_secret(cookie[:_MAX_SECRET_CHARS]), services.now())
        if credential is None:
            services.logins.take(address)
            raise NotSignedInError("the session is unknown or has ended: sign in again")
        return _to_principal(credential, cookie)
    raise NotSignedInError("send `Authorization: Bearer TOKEN`, or sign in with POST /v1/sessions")


def look_up(services: Services, secret: str, address: str) -> Credential:
    """The credential of a token; a wrong one counts against its address."""
    with services.database.read() as connection:
        credential = find_by_token(connection, hash_secret(secret[:_MAX_SECRET_CHARS]), services.now())
    if credential is None:
        services.logins.take(address)
        raise NotSignedInError("the token is unknown, revoked or expired, or its user disabled: ask an admin for one")
    return credential


def address_of(request: Request) -> str:
    """The address that a limit of failures counts for."""
    return f"address:{request.client.host if request.client else 'unknown'}"


def _check_csrf(request: Request, services: Services, cookie: str) -> None:
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForbiddenError("the request comes from another site's page")
    expected = derive_csrf(services.settings.secret.get_secret_value(), cookie)
    if not is_same(request.headers.get(CSRF_HEADER, ""), expected):
        raise ForbiddenError(f"`{CSRF_HEADER}` is missing or wrong: GET /v1/sessions/current tells it")


def _to_principal(credential: Credential, session_secret: str | None = None) -> Principal:
    role = lower_of(Role(credential.role), Role(credential.scope))
    return Principal(credential.user_id, credential.user_name, role, credential.token_id, session_secret)


Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Reviewer = Annotated[Principal, Depends(require(Role.REVIEWER))]
Curator = Annotated[Principal, Depends(require(Role.CURATOR))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]
