"""Signing in: with a link that `tracewright serve` printed, with a token, or through a provider."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from tracewright.api.pages.site import FIRST_PAGE, SiteDep, to_local
from tracewright.api.services import ServicesDep

router = APIRouter()
SIGN_IN_PATH = "/sign-in"


def make_sign_in_link(origin: str, token: str) -> str:
    """A link that signs in. The token is behind the `#`: browsers send it to nobody, so it is in no log."""
    return f"{origin}{SIGN_IN_PATH}#token={token}"


@router.get(SIGN_IN_PATH)
def sign_in(request: Request, site: SiteDep, services: ServicesDep, next: str = FIRST_PAGE) -> Response:
    """Where one signs in; afterwards to the page that was asked for."""
    has_provider = services.oidc is not None
    return site.respond(request, "sign-in.html.jinja", next_path=to_local(next), has_provider=has_provider)
