"""What can be wrong with a request, and how it is said: RFC 9457 `application/problem+json`."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracewright.api.http.rendering import render
from tracewright.schemas.errors import InputError, MissingInputError, StoreError, TracewrightError

PROBLEM_TYPE = "application/problem+json"
RETRY_SECONDS = "1"
_TITLES = {
    400: "The request can't be understood",
    401: "Nobody is signed in",
    403: "Not allowed",
    404: "Not there",
    405: "This can't be done here",
    408: "The request took too long",
    409: "Something else was there first",
    412: "It has changed meanwhile",
    413: "The request is too large",
    416: "There is no such part",
    422: "A value does not fit",
    428: "Say which version is to be changed",
    429: "Too many requests",
    500: "The service failed",
    503: "Not now",
}
UNFORESEEN = "an unforeseen error; it is in the service's log under this request's id"
_LOG = logging.getLogger("tracewright.api")


class Problem(BaseModel):
    """Why a request was refused."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None
    """The fields at fault, where there are some."""


class RefusedError(TracewrightError):
    """A request that is refused; each kind has its status."""

    status = 400
    headers: dict[str, str] = {}


class NotSignedInError(RefusedError, PermissionError):
    """There is no valid token or session."""

    status = 401
    headers = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(RefusedError, PermissionError):
    """The one who asks may not do this."""

    status = 403


class NotFoundError(RefusedError, LookupError):
    """There is no such thing."""

    status = 404


class ConflictError(RefusedError, ValueError):
    """It contradicts what is there."""

    status = 409


class StaleError(RefusedError, ValueError):
    """`If-Match` names an older version."""

    status = 412


class RangeError(RefusedError, ValueError):
    """`Range` names a part beyond the end."""

    status = 416


class UnprocessableError(RefusedError, ValueError):
    """A value is well-formed and makes no sense here."""

    status = 422


class UnconditionalError(RefusedError, ValueError):
    """`If-Match` is missing where something would be changed."""

    status = 428


class TooManyRequestsError(RefusedError, RuntimeError):
    """Someone asks too often."""

    status = 429
    headers = {"Retry-After": RETRY_SECONDS}


class UnavailableError(RefusedError, RuntimeError):
    """Something the service needs is not there at the moment."""

    status = 503
    headers = {"Retry-After": RETRY_SECONDS}


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in (("4XX", "The request was refused."), (503, "Something needed is not there now."))
}
"""For the OpenAPI document of every operation."""


def make_problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """A problem as a response."""
    content = {"type": "about:blank", "title": _TITLES.get(status, "Refused"), "status": status, "detail": detail}
    return render(content | more, status=status, headers=headers, media_type=PROBLEM_TYPE)


def register_errors(app: FastAPI) -> None:
    """Answer every error with a problem."""

    @app.exception_handler(RefusedError)
    def _(request: Request, error: RefusedError) -> Response:
        return make_problem(error.status, str(error), dict(error.headers))

    @app.exception_handler(TracewrightError)
    def _(request: Request, error: TracewrightError) -> Response:
        return make_problem(_status_of(error), str(error))

    @app.exception_handler(HTTPException)
    def _(request: Request, error: HTTPException) -> Response:
        return make_problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    def _(request: Request, error: RequestValidationError) -> Response:
        # Not what was sent: it may be a secret, or long.
        faults = [{"place": [str(p) for p in e["loc"]], "message": e["msg"]} for e in error.errors()]
        where = "; ".join(f"{'.'.join(fault['place'])}: {fault['message']}" for fault in faults[:3])
        return make_problem(422, f"{where}: see /openapi.json", errors=faults[:50])

    @app.exception_handler(OperationalError)
    def _(request: Request, error: OperationalError) -> Response:
        _LOG.error("the database failed: %s", type(error.orig).__name__)
        return make_problem(503, "the database did not answer: try again", {"Retry-After": RETRY_SECONDS})


def _status_of(error: TracewrightError) -> int:
    if isinstance(error, MissingInputError):
        return 404
    if isinstance(error, InputError):
        return 422
    return 503 if isinstance(error, StoreError) else 500
