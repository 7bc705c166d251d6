"""What every page has: templates, style sheet, module, and the headers that keep strangers' text quiet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from tracewright.api.http.access import Principal
from tracewright.api.pages.previews import PreviewReader
from tracewright.api.pages.prose import ProseRenderer
from tracewright.api.pages.wording import FILTERS
from tracewright.api.services import Services
from tracewright.api.tokens.secrets import derive_csrf

PACKAGE = "tracewright.api.pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types tracewright"
)
"""No inline script or style, nothing from elsewhere, and text becomes elements in one place of the module alone."""
FIRST_PAGE = "/explore"
THEME_COOKIE = "tracewright_theme"
THEMES = ("light", "dark")
FRAGMENT_HEADER = "X-Fragment"
"""Sent by the module, which puts a part of a page into the page that is there."""
_ASSET_TYPES = {"pages.css": "text/css; charset=utf-8", "pages.js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True)
class Asset:
    """A file that pages load; its address changes with its content."""

    body: bytes
    media_type: str

    @property
    def version(self) -> str:
        """A hash of the content."""
        return hashlib.sha256(self.body).hexdigest()[:12]


@dataclass(frozen=True)
class Site:
    """The pages of one service process."""

    templates: Environment
    assets: dict[str, Asset]
    prose: ProseRenderer = field(default_factory=ProseRenderer)
    previews: PreviewReader = field(default_factory=PreviewReader)

    def respond(
        self,
        request: Request,
        template: str,
        viewer: Principal | None = None,
        *,
        status: int = 200,
        **context: Any,
    ) -> HTMLResponse:
        """A template, filled, as a response."""
        services: Services = request.app.state.services
        shared = {
            "viewer": viewer,
            "csrf": _derive_csrf(services, viewer),
            "path": request.url.path,
            "theme": _read_theme(request),
            "theme_url": _make_theme_url(request),
            "asset": lambda name: f"/static/{name}?v={self.assets[name].version}",  # pyright: ignore[reportUnknownLambdaType]
            "is_fragment": FRAGMENT_HEADER in request.headers,
        }
        text = self.templates.get_template(template).render(shared | context)
        return HTMLResponse(text, status, {"Content-Security-Policy": POLICY, "Vary": f"Cookie, {FRAGMENT_HEADER}"})


def make_site() -> Site:
    """The site with its templates and assets read."""
    templates = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(FILTERS)
    folder = files(PACKAGE) / "static"
    assets = {name: Asset((folder / name).read_bytes(), kind) for name, kind in _ASSET_TYPES.items()}
    return Site(templates, assets)


def get_site(request: Request) -> Site:
    """The site of the application that got the request."""
    return request.app.state.site


SiteDep = Annotated[Site, Depends(get_site)]


def _derive_csrf(services: Services, viewer: Principal | None) -> str:
    if viewer is None or viewer.session_secret is None:
        return ""
    return derive_csrf(services.settings.secret.get_secret_value(), viewer.session_secret)


def _make_theme_url(request: Request) -> str:
    """The link to the theme after this one, and back."""
    following = {"": "light", "light": "dark", "dark": "auto"}[_read_theme(request)]
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/theme?{urlencode({'to': following, 'next': here})}"


def to_local(target: str) -> str:
    """A path of this site; anything else, which would lead away from it, is the first page."""
    parts = urlsplit(target)
    is_local = not parts.scheme and not parts.netloc and target.startswith("/") and not target.startswith("//")
    return target if is_local and "\\" not in target and target.isprintable() else FIRST_PAGE


def _read_theme(request: Request) -> str:
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""
