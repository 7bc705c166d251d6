"""The application: its parts put together, and every resource that it serves."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from tracewright.api.agreement import endpoints as agreement
from tracewright.api.audit import endpoints as audit
from tracewright.api.bulk import endpoints as bulk
from tracewright.api.database import open_database
from tracewright.api.http.changes import remove_old_answers
from tracewright.api.http.errors import PROBLEM_RESPONSES, Problem, register_errors
from tracewright.api.http.limits import BodyLimit, RateLimit
from tracewright.api.http.observation import Metrics, Observe
from tracewright.api.jobs import endpoints as jobs
from tracewright.api.jobs.runner import JobRunner
from tracewright.api.oidc import endpoints as oidc
from tracewright.api.oidc.provider import OidcProvider
from tracewright.api.operations import endpoints as operations
from tracewright.api.pages import PAGES, register_pages
from tracewright.api.queues import endpoints as queues
from tracewright.api.queues.repository import read_mark
from tracewright.api.releases import endpoints as releases
from tracewright.api.releases import service as release_work
from tracewright.api.reviews import endpoints as reviews
from tracewright.api.reviews.repository import summarise_since
from tracewright.api.runs import endpoints as runs
from tracewright.api.runs.service import RunClient
from tracewright.api.services import Services
from tracewright.api.sessions import endpoints as sessions
from tracewright.api.settings import ServiceSettings, check_exposure
from tracewright.api.slices import endpoints as slices
from tracewright.api.tokens import endpoints as tokens
from tracewright.api.traces import endpoints as traces
from tracewright.api.traces.bodies import BodyReader
from tracewright.api.traces.feed import ReviewSummary, TraceFeed
from tracewright.api.traces.search import SearchIndex
from tracewright.api.users import endpoints as users
from tracewright.api.users.repository import count_users
from tracewright.pipeline.store import Store

RESOURCES = (
    traces,
    reviews,
    bulk,
    queues,
    agreement,
    slices,
    releases,
    jobs,
    runs,
    users,
    tokens,
    sessions,
    oidc,
    audit,
)
VERSION = "1"
OIDC_CALLBACK = "/v1/sessions/oidc/callback"
"""What the service is registered with at the provider, after its own address."""
_MINUTE_SECONDS = 60.0


def create_app(services: Services, *, background: bool = True) -> FastAPI:
    """The service's application. Without `background` nothing runs beside the requests: tests call what they need."""

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncGenerator[None]:
        if background:
            start_background(services)
        yield
        stop_background(services)

    app = FastAPI(
        title="Tracewright curation service",
        version=VERSION,
        lifespan=live,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    register_errors(app)
    app.router.routes.extend(_make_routes())
    register_pages(app)
    _document_problems(app)
    settings = services.settings
    app.add_middleware(BodyLimit, max_bytes=settings.body_limit_bytes, max_seconds=settings.body_seconds)
    app.add_middleware(Observe, metrics=services.metrics)
    return app


@cache
def _make_routes() -> tuple[BaseRoute, ...]:
    """The routes of every resource, the same in every application: taking the endpoints apart takes half a second."""
    router = APIRouter(responses=PROBLEM_RESPONSES, generate_unique_id_function=_name_operation)
    router.include_router(operations.router)
    for resource in RESOURCES:
        router.include_router(resource.router, prefix="/v1")
    for page in PAGES:
        router.include_router(page.router, include_in_schema=False)
    return tuple(router.routes)


def open_services(settings: ServiceSettings) -> Services:
    """The parts of a service on a store, ready to be served.

    Raises:
        ConfigError: it would be reachable from other machines without users or with the default secret.
        MissingInputError: there is no store.
        StoreError: the database can't be opened.
    """
    store = Store.open(settings.store)
    database, metrics = open_database(settings.database_url), Metrics()
    with database.write() as connection:
        users_ = count_users(connection)
        remove_old_answers(connection, time.time_ns() // 1_000)
    check_exposure(settings, users_)

    def read_reviews(seq: int) -> list[ReviewSummary]:
        with database.read() as connection:
            return summarise_since(connection, seq)

    def read_queues() -> object:
        with database.read() as connection:
            return read_mark(connection)

    kinds = {release_work.KIND: release_work.make_release_work(store, database, settings.releases_folder)}
    return Services(
        settings=settings,
        store=store,
        database=database,
        feed=TraceFeed(store, settings.poll_seconds, read_reviews, read_queues),
        bodies=BodyReader(),
        search=SearchIndex(database, store.local),
        jobs=JobRunner(database, kinds, metrics),
        runs=RunClient(settings.prefect_api_url),
        metrics=metrics,
        requests=RateLimit(settings.requests_per_second, settings.request_burst),
        logins=RateLimit(settings.failed_logins_per_minute / _MINUTE_SECONDS, settings.failed_logins_per_minute),
        oidc=None if settings.oidc is None else OidcProvider(settings.oidc, settings.origin + OIDC_CALLBACK),
    )


def start_background(services: Services) -> None:
    """Begin what runs beside the requests: the feed, the search index, the jobs."""
    services.feed.start()
    services.search.start(lambda: services.feed.frame, services.settings.poll_seconds)
    services.jobs.start()


def stop_background(services: Services) -> None:
    """End it, and close the database."""
    services.jobs.stop()
    services.search.stop()
    services.feed.stop()
    services.database.close()


def _name_operation(route: APIRoute) -> str:
    """What clients made from the document call an operation: `traces-list_traces`."""
    return "-".join([*map(str, route.tags[:1]), route.name])


def _document_problems(app: FastAPI) -> None:
    """Put the problem's schema into the OpenAPI document, which the responses of every operation refer to."""
    make_document = app.openapi

    def document() -> dict[str, object]:
        made = make_document()
        schema = Problem.model_json_schema()
        made.setdefault("components", {}).setdefault("schemas", {}).setdefault("Problem", schema)
        return made

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue]
