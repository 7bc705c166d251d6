"""`/v1/sessions`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, StringConstraints
from starlette.responses import Response

from tracewright.api.http.access import SESSION_COOKIE, Viewer, address_of, count_request, look_up
from tracewright.api.http.changes import Change, Changer, ChangerDep, Reply
from tracewright.api.http.errors import RefusedError, TooManyRequestsError
from tracewright.api.http.fields import Body
from tracewright.api.http.rendering import render
from tracewright.api.services import Services, ServicesDep
from tracewright.api.sessions.service import begin_session, end_session
from tracewright.api.tokens.secrets import derive_csrf, derive_session, draw_token
from tracewright.api.users.roles import Role

router = APIRouter(prefix="/sessions", tags=["sessions"])


class SignIn(Body):
    """A token to begin a session with."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Session(BaseModel):
    """A session: who, as what, and what to send with every request that changes something."""

    name: str
    role: Role
    csrf_token: str


@router.post("", response_model=Session, status_code=201)
def sign_in(request: Request, services: ServicesDep, changer: ChangerDep, sign_in: SignIn) -> Response:
    """Begin a session: the answer sets its cookie and tells its CSRF token. A repeated key gets the same session."""
    address = address_of(request)
    count_request(services, address)
    if not services.logins.has(address):
        raise TooManyRequestsError("too many wrong tokens from this address: wait a minute")
    credential = look_up(services, sign_in.token, address)
    # The answer's cookie is stored nowhere, so a repeated request is given it again by deriving it again.
    secret = draw_token() if changer.key is None else derive_session(sign_in.token, changer.key)
    return begin_session(Changer(services, request, None), credential, secret)


@router.get("/current", response_model=Session)
def read_session(services: ServicesDep, viewer: Viewer) -> Response:
    """The session of this request's cookie."""
    if viewer.session_secret is None:
        raise RefusedError("this request came with a token, not with a session")
    return render({"name": viewer.name, "role": viewer.role, "csrf_token": _csrf(services, viewer.session_secret)})


@router.delete("/current", status_code=204)
def sign_out(changer: ChangerDep, viewer: Viewer) -> Response:
    """End the session and remove its cookie."""

    def work(change: Change) -> Reply:
        if viewer.session_secret is None:
            raise RefusedError("this request came with a token, not with a session")
        end_session(change, viewer.session_secret)
        return Reply({}, 204, cookies=((SESSION_COOKIE, "", 0),))

    return changer.run(viewer, None, work)


def _csrf(services: Services, secret: str) -> str:
    return derive_csrf(services.settings.secret.get_secret_value(), secret)
