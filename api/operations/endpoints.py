"""`/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from starlette.responses import PlainTextResponse, Response

from tracewright.api.http.access import Viewer
from tracewright.api.http.errors import UnavailableError
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """How the service is."""

    status: str


@router.get("/healthz", response_model=Health)
def is_alive() -> Response:
    """Whether the process answers."""
    return render({"status": "alive"})


@router.get("/readyz", response_model=Health)
def is_ready(services: ServicesDep) -> Response:
    """Whether the database answers and the traces are loaded."""
    with services.database.read() as connection:
        connection.execute(text("SELECT 1"))
    if not services.feed.is_ready.is_set():
        raise UnavailableError("the traces are being loaded")
    return render({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse)
def read_metrics(services: ServicesDep, _: Viewer) -> Response:
    """Prometheus's figures; scrape with a viewer's token."""
    services.metrics.traces.set(services.feed.frame.height)
    return Response(generate_latest(services.metrics.registry), media_type="text/plain; version=0.0.4; charset=utf-8")
