"""What the service shows of itself: request ids, one structured log line a request, and Prometheus metrics.

Neither holds a token, a cookie, a query or any text of a trace: paths are logged as their templates.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracewright.api.http.errors import UNFORESEEN, make_problem

_LOG = logging.getLogger("tracewright.api")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
API_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class Metrics:
    """The figures of one service process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "route", "status"]
        self.requests = Counter("tracewright_requests", "Requests answered", labels, registry=self.registry)
        self.seconds = Histogram(
            "tracewright_request_seconds", "Time to answer", labels[:2], buckets=_BUCKETS, registry=self.registry
        )
        self.traces = Gauge("tracewright_traces", "Traces in the frame", registry=self.registry)
        self.reviews = Counter("tracewright_review_events", "Review events stored", registry=self.registry)
        self.jobs = Counter("tracewright_jobs", "Jobs ended", ["kind", "state"], registry=self.registry)


class Observe:
    """Outermost: times and logs every request, and puts the request id and the security headers on every response."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = _choose_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _complete_headers(message.get("headers", ()), request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            _LOG.error("unforeseen", exc_info=error, extra={"facts": {"request": request_id}})
            if status:
                raise  # to end the connection: what was begun can't be ended as it should
            await make_problem(500, UNFORESEEN)(scope, receive, send_with_headers)
        finally:
            self._note(scope, status or CLIENT_LEFT, time.perf_counter() - started, request_id)

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        user = scope["state"].get("user")
        facts = {"request": request_id, "method": method, "route": route, "status": status, "user": user}
        _LOG.info("request", extra={"facts": facts | {"ms": round(seconds * 1000, 2)}})


CLIENT_LEFT = 499
"""What is noted of a request that nobody waits for the answer of, as nginx does."""
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _choose_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _complete_headers(headers: object, request_id: str) -> list[tuple[bytes, bytes]]:
    own: list[tuple[bytes, bytes]] = list(headers)  # pyright: ignore[reportArgumentType]
    names = {name.lower() for name, _ in own}
    added = [header for header in (*SECURITY_HEADERS, API_POLICY) if header[0] not in names]
    if b"cache-control" not in names:
        added.append((b"cache-control", b"no-store"))
    return [*own, *added, (b"x-request-id", request_id.encode())]


class JsonFormatter(logging.Formatter):
    """One JSON object a line. An error's type and place are told, not its message: that may quote what was sent."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "message": record.getMessage()}
        line |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[0]:
            line |= {"error": record.exc_info[0].__name__, "place": _place_of(record)}
        return json.dumps(line, ensure_ascii=False, default=str)


def _place_of(record: logging.LogRecord) -> list[str]:
    traceback = record.exc_info[2] if record.exc_info else None
    places: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places[-12:]


def configure_logging(stream: TextIO | None = None) -> None:
    """Structured lines on stderr for the service and its server; the server's own access log is off."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("tracewright.api", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True
