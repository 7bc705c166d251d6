"""A pool of OpenAI-compatible servers: each request goes to the healthy one with the least in flight.

A server that can't be reached rests, longer each time, and comes back when one request tried on it is answered. One
that has been silent for a while with requests in flight is asked for its models: if it does not answer that either, it
hangs, and what it had in flight goes to the others.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tracewright.schemas import EngineError

MAX_TRIES = 6
"""For a request that servers answer with an error, or drop: it may be the request's own fault."""
_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 20.0
_FIRST_REST_SECONDS = 1.0
_MAX_REST_SECONDS = 15.0
_CONNECT_TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 256 * 2**20
_OVERLOADED = frozenset({429, 503})
"""The server asks for time: such an answer is waited out, until the request's deadline."""
_TRANSIENT = frozenset({408, 409, 425, 500, 502, 504})
_SHOWN_CHARACTERS = 300


Read = Callable[[aiohttp.ClientResponse], Awaitable[dict[str, Any]]]


async def read_json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """All of an answer."""
    return orjson.loads(await response.read())


class RequestRefusedError(EngineError):
    """A server answered that this request can't be served; trying again would not help."""


class OutageError(EngineError):
    """No server of the pool could be reached for a long time."""


@dataclass(frozen=True)
class PoolTimes:
    """When a server counts as hanging, and a pool as lost."""

    silence_seconds: float = 30.0
    """Without an answer for so long, and with requests in flight, a server is asked whether it lives."""
    probe_seconds: float = 10.0
    """How long it has to answer that."""
    outage_seconds: float = 300.0
    """With every server out of reach for so long, the run ends; what is finished is kept."""


@dataclass
class _Server:
    url: str
    in_flight: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    failures: int = 0
    """In a row, of the connection: 0 for a healthy server."""
    resting_until: float = 0.0
    last_answer: float = field(default_factory=time.monotonic)

    def is_open(self, now: float) -> bool:
        """Whether a request may go to it; one that comes back from a rest gets a single one first."""
        return self.resting_until <= now and not (self.failures and self.in_flight)

    def answered(self) -> None:
        self.failures, self.last_answer = 0, time.monotonic()

    def rest(self) -> None:
        now = time.monotonic()
        if self.resting_until <= now:  # one rest for all the requests that one death takes
            self.failures += 1
            self.resting_until = now + min(_MAX_REST_SECONDS, _FIRST_REST_SECONDS * 2 ** (self.failures - 1))


class ServerPool:
    """Posts JSON to one of several servers, with retries; to be used inside one event loop."""

    def __init__(self, base_urls: Sequence[str], max_connections: int, times: PoolTimes | None = None) -> None:
        self._servers = [_Server(url.rstrip("/")) for url in base_urls]
        self._times = times or PoolTimes()
        self._random = random.Random()  # noqa: S311 - jitter
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_SECONDS),
            trust_env=False,
        )
        self._watch = asyncio.ensure_future(self._watch_for_silence())

    async def post(self, path: str, body: dict[str, Any], read: Read | None = None) -> dict[str, Any]:
        """The server's answer; how long that may take is for the caller to limit. `read` makes it of a response that is
        no error: without it, all of it is read, as JSON.

        Raises:
            RequestRefusedError: a server refused the request itself.
            OutageError: no server could be reached for `outage_seconds`.
            EngineError: every one of `MAX_TRIES` answers was an error.
        """
        data, trouble, tries, pauses = orjson.dumps(body), "", 0, 0
        while tries < MAX_TRIES:
            server = await self._choose(trouble)
            try:
                status, answer = await self._try(server, path, data, read or read_json)
            except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
                trouble = self._note_death(server, error)
                continue
            except (aiohttp.ClientError, ConnectionError) as error:
                # The connection was lost with the request in it, which may be what the server died of.
                trouble, tries = self._note_death(server, error), tries + 1
                continue
            server.answered()
            if status == 200:
                return answer
            trouble = f"{server.url}: HTTP {status}: {answer}"
            if status not in _TRANSIENT | _OVERLOADED:
                raise RequestRefusedError(trouble)
            tries, pauses = tries + (status in _TRANSIENT), pauses + 1
            await asyncio.sleep(self._pause(pauses))
        raise EngineError(f"no answer in {MAX_TRIES} tries; the last: {trouble}")

    async def close(self) -> None:
        """Close every connection."""
        self._watch.cancel()
        await self._session.close()

    async def _try(self, server: _Server, path: str, data: bytes, read: Read) -> tuple[int, Any]:
        """One request to one server; a hanging server's end counts as a lost connection."""
        task = asyncio.ensure_future(self._send(f"{server.url}{path}", data, read))
        server.in_flight.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled() and server.resting_until > time.monotonic():
                raise ConnectionError("it hangs") from None
            task.cancel()
            raise
        finally:
            server.in_flight.discard(task)

    async def _send(self, url: str, data: bytes, read: Read) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"}
        async with self._session.post(url, data=data, headers=headers, allow_redirects=False) as response:
            if (response.content_length or 0) > MAX_ANSWER_BYTES:
                raise RequestRefusedError(f"{url}: an answer of {response.content_length:,} bytes, which is not read")
            if response.status == 200:
                return response.status, await read(response)
            return response.status, (await response.read()).decode(errors="replace")[:_SHOWN_CHARACTERS]

    async def _choose(self, trouble: str) -> _Server:
        """The least loaded server that is open; waits for one where none is."""
        while True:
            now = time.monotonic()
            opened = [server for server in self._servers if server.is_open(now)]
            if opened:
                return min(opened, key=lambda server: len(server.in_flight))
            last = max(server.last_answer for server in self._servers)
            if now - last > self._times.outage_seconds:
                raise OutageError(
                    f"no server could be reached for {now - last:.0f} s ({trouble}). Finished traces are kept: start a "
                    "server and run the same command again"
                )
            await asyncio.sleep(self._random.uniform(0.05, 0.2))

    def _note_death(self, server: _Server, error: BaseException) -> str:
        server.rest()
        return f"{server.url}: {type(error).__name__} {error}".rstrip()

    def _pause(self, attempt: int) -> float:
        """Exponential, with jitter, so that many requests do not come back at the same moment."""
        return self._random.uniform(0.5, 1.0) * min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10))

    async def _watch_for_silence(self) -> None:
        while True:
            await asyncio.sleep(self._times.silence_seconds / 6)
            for server in self._servers:
                silent = time.monotonic() - server.last_answer > self._times.silence_seconds
                if silent and server.in_flight and not await self._answers(server):
                    server.rest()
                    for task in list(server.in_flight):
                        task.cancel()

    async def _answers(self, server: _Server) -> bool:
        """Whether it gives any answer at all when it is asked for its models."""
        timeout = aiohttp.ClientTimeout(total=self._times.probe_seconds)
        try:
            async with self._session.get(f"{server.url}/models", timeout=timeout, allow_redirects=False):
                server.last_answer = time.monotonic()
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False
