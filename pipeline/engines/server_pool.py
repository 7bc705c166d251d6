"""A pool of OpenAI-compatible servers: each request goes to the healthy one with the least in flight."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tracewright.schemas import EngineError

_MAX_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 20.0
_REST_SECONDS = 15.0
"""A server that can't be reached is left alone for this long, then tried again."""
_CONNECT_TIMEOUT_SECONDS = 10.0
_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class RequestRefusedError(EngineError):
    """A server answered that this request can't be served; trying again would not help."""


@dataclass
class _Server:
    url: str
    in_flight: int = 0
    resting_until: float = 0.0


class ServerPool:
    """Posts JSON to one of several servers, with retries; to be used inside one event loop."""

    def __init__(self, base_urls: Sequence[str], request_timeout_seconds: float, max_connections: int) -> None:
        self._servers = [_Server(url.rstrip("/")) for url in base_urls]
        self._random = random.Random()  # noqa: S311 - jitter
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(request_timeout_seconds, connect=_CONNECT_TIMEOUT_SECONDS),
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            trust_env=False,
        )

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server's answer.

        Raises:
            RequestRefusedError: a server refused the request itself.
            EngineError: no server answered in `_MAX_TRIES` tries.
        """
        trouble = ""
        for attempt in range(_MAX_TRIES):
            if attempt:
                await asyncio.sleep(self._pause(attempt))
            server = self._choose()
            server.in_flight += 1
            try:
                response = await self._client.post(f"{server.url}{path}", json=body)
            except httpx.TransportError as error:
                server.resting_until = time.monotonic() + _REST_SECONDS
                trouble = f"{server.url}: {type(error).__name__} {error}".rstrip()
                continue
            finally:
                server.in_flight -= 1
            if response.is_success:
                return response.json()
            trouble = f"{server.url}: HTTP {response.status_code}: {response.text[:300]}"
            if response.status_code not in _TRANSIENT:
                raise RequestRefusedError(trouble)
        raise EngineError(f"no answer in {_MAX_TRIES} tries; the last: {trouble}")

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def _choose(self) -> _Server:
        """The least loaded server that is not resting; where all rest, the one whose rest ends first."""
        now = time.monotonic()
        awake = [server for server in self._servers if server.resting_until <= now]
        if awake:
            return min(awake, key=lambda server: server.in_flight)
        return min(self._servers, key=lambda server: server.resting_until)

    def _pause(self, attempt: int) -> float:
        """Exponential, with full jitter, so that many requests do not come back at the same moment."""
        return self._random.uniform(0.5, 1.0) * min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
