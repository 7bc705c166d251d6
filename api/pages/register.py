"""Every page, put into the application."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from tracewright.api.pages import explore, people, progress, releases, review, runs, shell, signing_in, trace
from tracewright.api.pages.errors import register_page_errors
from tracewright.api.pages.site import make_site

PAGES = (shell, signing_in, explore, trace, review, progress, releases, runs, people)


def register_pages(app: FastAPI) -> None:
    """Add the pages beside the JSON API, outside its document."""
    app.state.site = make_site()
    for page in PAGES:
        router: APIRouter = page.router
        app.include_router(router, include_in_schema=False)
    register_page_errors(app)
