"""Every page, and what they need of the application."""

from __future__ import annotations

from fastapi import FastAPI

from tracewright.api.pages import explore, people, progress, releases, review, runs, shell, signing_in, trace
from tracewright.api.pages.errors import register_page_errors
from tracewright.api.pages.site import make_site

PAGES = (shell, signing_in, explore, trace, review, progress, releases, runs, people)


def register_pages(app: FastAPI) -> None:
    """Give the application what the pages' routes need."""
    app.state.site = make_site()
    register_page_errors(app)
