"""Errors as pages, for who asks for a page: the same status and words as the JSON API's problems."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from tracewright.api.pages.site import FRAGMENT_HEADER, get_site

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
        return _to_page(request, problem) if is_page_request(request) else problem

    return show


def _to_page(request: Request, problem: Response) -> Response:
    if problem.status_code == _NOT_SIGNED_IN and FRAGMENT_HEADER not in request.headers:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(path, safe='')}", 303)
    said = orjson.loads(bytes(problem.body))
    return get_site(request).respond(
        request,
        "error.html.jinja",
        status=problem.status_code,
        title=said["title"],
        detail=said["detail"],
        code=problem.status_code,
    )
