"""What every endpoint is given: the parts of one running service, made once and passed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from tracewright.api.database import Database
from tracewright.api.http.limits import RateLimit
from tracewright.api.http.observation import Metrics
from tracewright.api.jobs.runner import JobRunner
from tracewright.api.oidc.provider import OidcProvider
from tracewright.api.runs.service import RunClient
from tracewright.api.settings import ServiceSettings
from tracewright.api.traces.bodies import BodyReader
from tracewright.api.traces.feed import TraceFeed
from tracewright.api.traces.search import SearchIndex
from tracewright.pipeline.store import Store


@dataclass(frozen=True)
class Services:
    """The parts of one service process."""

    settings: ServiceSettings
    store: Store
    database: Database
    feed: TraceFeed
    bodies: BodyReader
    search: SearchIndex
    jobs: JobRunner
    runs: RunClient
    metrics: Metrics
    requests: RateLimit
    logins: RateLimit
    oidc: OidcProvider | None = None
    """Where people sign in through a provider."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970: what leases and sessions expire by."""

    def now(self) -> int:
        """The moment, as it is stored: microseconds since 1970."""
        return round(self.clock() * 1e6)


async def get_services(request: Request) -> Services:
    """The services of the application that got the request."""
    return request.app.state.services


ServicesDep = Annotated[Services, Depends(get_services)]
