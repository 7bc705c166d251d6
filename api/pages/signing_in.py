"""Signing in: with a link that `tracewright serve` printed, with a token, or through a provider."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from tracewright.api.pages.site import FIRST_PAGE, SiteDep, to_local
from tracewright.api.services import Services, ServicesDep
from tracewright.api.users.repository import count_users
from tracewright.api.users.roles import Role
from tracewright.api.users.service import add_user_with_token

router = APIRouter()
SIGN_IN_PATH = "/sign-in"
FIRST_ADMIN = "admin"


def make_sign_in_link(origin: str, token: str) -> str:
    """A link that signs in. The token is behind the `#`: browsers send it to nobody, so it is in no log."""
    return f"{origin}{SIGN_IN_PATH}#token={token}"


def make_first_link(services: Services) -> str | None:
    """Of a service without users: the link of a first admin, who is added; None where there are users already."""
    with services.database.read() as connection:
        if count_users(connection):
            return None
    token = add_user_with_token(services.database, FIRST_ADMIN, Role.ADMIN, services.now())
    return make_sign_in_link(services.settings.origin, token)


@router.get(SIGN_IN_PATH)
def sign_in(request: Request, site: SiteDep, services: ServicesDep, next: str = FIRST_PAGE) -> Response:
    """Where one signs in; afterwards to the page that was asked for."""
    has_provider = services.oidc is not None
    return site.respond(request, "sign-in.html.jinja", next_path=to_local(next), has_provider=has_provider)
