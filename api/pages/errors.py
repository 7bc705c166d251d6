"""Errors as pages, for who asks for a page: the same status and words as the JSON API's problems."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from tracewright.api.http.access import Principal, identify
from tracewright.api.pages.site import FRAGMENT_HEADER, get_site
from tracewright.schemas.errors import TracewrightError

_NOT_SIGNED_IN = 401


def register_page_errors(app: FastAPI) -> None:
    """Answer errors with a page where a page was asked for; all others as before."""
    for kind, handler in list(app.exception_handlers.items()):
        app.exception_handlers[kind] = _show(handler)


def is_page_request(request: Request) -> bool:
    """Whether a person's browser asks for a page."""
    wants_page = "text/html" in request.headers.get("accept", "") or FRAGMENT_HEADER in request.headers
    return request.method == "GET" and wants_page and not request.url.path.startswith("/v1/")


def _show(handler: Callable[..., Any]) -> Callable[[Request, Exception], Any]:
    async def show(request: Request, error: Exception) -> Response:
        if inspect.iscoroutinefunction(handler):
            problem: Response = await handler(request, error)
        else:
            problem = await run_in_threadpool(handler, request, error)
        return await run_in_threadpool(_to_page, request, problem) if is_page_request(request) else problem

    return show


def _to_page(request: Request, problem: Response) -> Response:
    if problem.status_code == _NOT_SIGNED_IN and FRAGMENT_HEADER not in request.headers:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(path, safe='')}", 303)
    said = orjson.loads(bytes(problem.body))
    return get_site(request).respond(
        request,
        "error.html.jinja",
        _find_viewer(request),
        status=problem.status_code,
        title=said["title"],
        detail=_say(request, problem.status_code, said["detail"]),
        code=problem.status_code,
    )


def _say(request: Request, status: int, detail: str) -> str:
    """What is wrong, in a sentence also where the framework found it and has but a phrase."""
    return f"nothing is at {request.url.path}" if detail == HTTPStatus(status).phrase else detail


def _find_viewer(request: Request) -> Principal | None:
    """Who is signed in, so that the page leads on to the others."""
    try:
        return identify(request, request.app.state.services)
    except TracewrightError:
        return None
