"""`/v1/sessions/oidc`: to the provider and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tracewright.api.http.access import Principal, address_of, count_request
from tracewright.api.http.changes import Change, Changer, Reply
from tracewright.api.http.errors import NotFoundError, NotSignedInError, TooManyRequestsError
from tracewright.api.oidc import service
from tracewright.api.oidc.provider import OidcProvider
from tracewright.api.services import Services, ServicesDep
from tracewright.api.sessions.service import make_session
from tracewright.api.tokens.secrets import draw_token
from tracewright.api.users.roles import Role

router = APIRouter(prefix="/sessions/oidc", tags=["sessions"])
TICKET_COOKIE = "tracewright_oidc"
TICKET_PATH = "/v1/sessions/oidc"
# A redirect from another site's page would come without the new cookie, which is `SameSite=Strict`: a page of this
# site goes on instead.
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/">'
    '<title>Signed in</title><p>You are signed in. <a href="/">Go on</a>.</p></html>'
)


@router.get("", status_code=303, response_class=RedirectResponse)
def begin(request: Request, services: ServicesDep) -> Response:
    """To the OpenID provider that the service is configured with; a cookie holds what is to come back."""
    count_request(services, address_of(request))
    url, ticket = _get_provider(services).begin()
    response = RedirectResponse(url, 303)
    cookie = service.write_ticket(services.settings, ticket, services.now())
    # Not `strict`: it has to come along when the provider sends the browser back.
    response.set_cookie(
        TICKET_COOKIE, cookie, service.TICKET_SECONDS, path=TICKET_PATH, secure=_is_secure(services), httponly=True
    )
    return response


@router.get("/callback", response_class=HTMLResponse)
def finish(
    request: Request,
    services: ServicesDep,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4_000)] = "",
) -> Response:
    """Back from the provider: a session for the user that it vouches for, and a page that leads on."""
    provider, address = _get_provider(services), address_of(request)
    count_request(services, address)
    if not services.logins.has(address):
        raise TooManyRequestsError("too many failed sign-ins from this address: wait a minute")
    try:
        ticket = service.read_ticket(services.settings, request.cookies.get(TICKET_COOKIE), state, services.now())
        identity = provider.finish(ticket, code)
    except NotSignedInError:
        services.logins.take(address)
        raise

    def work(change: Change) -> Reply:
        user = service.find_or_add_user(change, identity, provider.settings.new_users)
        change.principal = Principal(user.id, user.name, Role(user.role), 0)
        return make_session(change, service.add_hidden_token(change, user), draw_token())

    began = Changer(services, request, None).run(Principal(0, identity.email, Role.VIEWER, 0), None, work)
    page = HTMLResponse(PAGE)
    for cookie in began.headers.getlist("set-cookie"):
        page.headers.append("set-cookie", cookie)
    page.delete_cookie(TICKET_COOKIE, path=TICKET_PATH)
    return page


def _get_provider(services: Services) -> OidcProvider:
    if services.oidc is None:
        raise NotFoundError("no OpenID provider is configured: sign in with a token at POST /v1/sessions")
    return services.oidc


def _is_secure(services: Services) -> bool:
    return not services.settings.is_loopback or services.settings.origin.startswith("https:")
