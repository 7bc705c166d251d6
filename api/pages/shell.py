"""What belongs to no page: the first address, the style sheet and the module, the icon."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from tracewright.api.http.errors import NotFoundError
from tracewright.api.pages.site import FIRST_PAGE, THEME_COOKIE, THEMES, SiteDep, to_local

router = APIRouter()
_A_YEAR_SECONDS = 31_536_000


@router.get("/")
def begin() -> Response:
    """To the page that one begins with."""
    return RedirectResponse(FIRST_PAGE, 303)


@router.get("/static/{name}")
def read_asset(site: SiteDep, name: str) -> Response:
    """The style sheet or the module."""
    asset = site.assets.get(name)
    if asset is None:
        raise NotFoundError(f"there is no file {name!r}")
    headers = {"Cache-Control": f"public, max-age={_A_YEAR_SECONDS}, immutable"}
    return Response(asset.body, media_type=asset.media_type, headers=headers)


@router.get("/theme")
def choose_theme(
    request: Request,
    to: Annotated[str, Query(max_length=10)] = "auto",
    next: Annotated[str, Query(max_length=12_000)] = FIRST_PAGE,
) -> Response:
    """Light, dark or as the system has it: kept in a cookie of this browser."""
    reply = RedirectResponse(to_local(next), 303)
    if to in THEMES:
        secure = request.url.scheme == "https"
        reply.set_cookie(THEME_COOKIE, to, _A_YEAR_SECONDS, secure=secure, httponly=True, samesite="lax")
    else:
        reply.delete_cookie(THEME_COOKIE)
    return reply
