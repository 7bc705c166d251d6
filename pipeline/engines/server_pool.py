"""A pool of OpenAI-compatible servers: each request goes to the healthy one with the least in flight.

What healthy is says `server_health`. A server that has been silent for a while with requests in flight is asked for its
models: if it does not answer that either, it hangs, and what it had in flight goes to the others.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from tracewright.pipeline.engines.server_answers import AnswerError, check_answer
from tracewright.pipeline.engines.server_health import Server, find_open
from tracewright.schemas import EngineError

MAX_TRIES = 6
"""For a request that servers answer with an error, or drop: it may be the request's own fault."""
_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 20.0
_CONNECT_TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 256 * 2**20
_OVERLOADED = frozenset({429, 503})
"""The server asks for time: such an answer is waited out, until the request's deadline."""
_MISPLACED = frozenset({401, 403, 404, 405})
"""No request of ours will do here, whatever it asks: a wrong address, model or key, or a proxy before a dead server."""
_TRANSIENT = frozenset({408, 409, 425})
_SERVER_ERROR = 500
_OK = 200
_SHOWN_CHARACTERS = 300


Read = Callable[[aiohttp.ClientResponse], Awaitable[dict[str, Any]]]


async def read_json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """All of an answer.

    Raises:
        ValueError: it is not JSON, or longer than is read.
    """
    parts, size = list[bytes](), 0
    async for data in response.content.iter_any():
        size += len(data)
        if size > MAX_ANSWER_BYTES:
            raise ValueError(f"it has more than {MAX_ANSWER_BYTES:,} bytes")
        parts.append(data)
    return check_answer(orjson.loads(b"".join(parts)))


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


class _UnreadableError(Exception):
    """An answer with HTTP 200 that is none: a page of a proxy, JSON that breaks off, an error in disguise."""


@dataclass
class _Asked:
    """A request and what has come of it so far."""

    data: bytes
    read: Read
    limit: asyncio.Timeout
    """Its deadline, which stands still while no server can be reached: that is no fault of the request."""
    tries: int = 0
    pauses: int = 0
    trouble: str = ""
    """Of the last try."""
    last: Server | None = None
    """Where that was."""
    is_refused: bool = False
    """Whether a server has refused it."""
    is_misplaced: bool = False
    """Whether the last server takes no request of ours."""


class ServerPool:
    """Posts JSON to one of several servers, with retries; to be used inside one event loop."""

    def __init__(
        self,
        base_urls: Sequence[str],
        max_connections: int,
        times: PoolTimes | None = None,
        api_key: str | None = None,
    ) -> None:
        self._servers = [Server(url.rstrip("/")) for url in base_urls]
        self._times = times or PoolTimes()
        self._random = random.Random()  # noqa: S311 - jitter
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_SECONDS),
            trust_env=False,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
        )
        self._troubled_since: float | None = None
        """The first trouble since the last answer of any server."""
        self._was_answered = False
        """Whether any server ever gave a completion."""
        self._watch = asyncio.ensure_future(self._watch_for_silence())

    async def post(
        self, path: str, body: dict[str, Any], deadline_seconds: float, read: Read = read_json
    ) -> dict[str, Any]:
        """The server's answer, as `read` makes it of a response that is no error. The time in which no server can be
        reached is not part of the deadline.

        Raises:
            RequestRefusedError: a server refused the request itself.
            OutageError: no server could be reached, or gave an answer, for `outage_seconds`; or none ever takes us.
            EngineError: every one of `MAX_TRIES` answers was an error, or there was none within the deadline.
        """
        asked = _Asked(orjson.dumps(body), read, asyncio.timeout(deadline_seconds))
        try:
            async with asked.limit:
                while asked.tries < MAX_TRIES:
                    if (answer := await self._ask(path, asked)) is not None:
                        return answer
        except TimeoutError:
            last = f"; the last: {asked.trouble}" if asked.trouble else ""
            raise EngineError(f"no answer within its deadline of {deadline_seconds:,.0f} s{last}") from None
        if asked.is_misplaced and not self._was_answered:
            raise OutageError(
                f"no server takes requests ({asked.trouble}): mend base_urls, the model's name or the server, and run "
                "the same command again"
            )
        raise EngineError(f"no answer in {MAX_TRIES} tries; the last: {asked.trouble}")

    async def close(self) -> None:
        """Close every connection."""
        self._watch.cancel()
        await self._session.close()

    async def _ask(self, path: str, asked: _Asked) -> dict[str, Any] | None:
        """One try; None where it came to nothing and another one may follow."""
        server = await self._choose(asked)
        answer: Any
        try:
            status, answer = await self._try(server, path, asked)
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
            server.rest()
            self._note_trouble(asked, server, _name(error))
            return None
        except (aiohttp.ClientError, ConnectionError, _UnreadableError) as error:
            # The connection was lost with the request in it, which may be what the server died of.
            status, answer = 0, _name(error)
        if status == _OK:
            self._note_answer(server)
            self._was_answered = True
            return answer
        self._note_trouble(asked, server, f"HTTP {status}: {answer}" if status else answer)
        is_servers_own = not status or status >= _SERVER_ERROR or status in _TRANSIENT | _OVERLOADED | _MISPLACED
        if not is_servers_own:
            self._note_answer(server)
            if not self._may_ask_another(asked):
                raise RequestRefusedError(asked.trouble)
            return None
        server.erred(is_reachable=status != 0)
        asked.is_misplaced = status in _MISPLACED
        asked.tries, asked.pauses = asked.tries + (status not in _OVERLOADED), asked.pauses + 1
        if asked.tries < MAX_TRIES:
            await asyncio.sleep(self._pause(asked.pauses))
        return None

    def _may_ask_another(self, asked: _Asked) -> bool:
        """Whether a refused request may be another server's: one may have a shorter context than the others."""
        if asked.is_refused or len(self._servers) == 1:
            return False
        asked.is_refused = True
        return True

    async def _try(self, server: Server, path: str, asked: _Asked) -> tuple[int, Any]:
        """One request to one server; a hanging server's end counts as a lost connection."""
        task = asyncio.ensure_future(self._send(f"{server.url}{path}", asked))
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

    async def _send(self, url: str, asked: _Asked) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"}
        async with self._session.post(url, data=asked.data, headers=headers, allow_redirects=False) as response:
            if response.status != _OK:
                said = await response.content.read(_SHOWN_CHARACTERS)
                return response.status, said.decode(errors="replace")
            try:
                return response.status, await asked.read(response)
            except AnswerError as error:
                raise _UnreadableError(str(error)) from error
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                kind = response.headers.get("Content-Type", "no type")
                raise _UnreadableError(f"an answer that can't be read ({kind[:_SHOWN_CHARACTERS]}): {error}") from error

    async def _choose(self, asked: _Asked) -> Server:
        """The least loaded server that may be asked; waits for one where none may.

        Rather one that is sound, and not the one that the request has just come back from.
        """
        while True:
            now = time.monotonic()
            found = find_open(self._servers, now, asked.last)
            if found is None or not found.is_sound:
                self._check_outage(now, asked.trouble)
            if found is not None:
                found.asked_at = now
                return found
            await asyncio.sleep(self._random.uniform(0.05, 0.2))
            if all(server.failures for server in self._servers):
                waited = time.monotonic() - now
                asked.limit.reschedule((asked.limit.when() or 0.0) + waited)

    def _check_outage(self, now: float, trouble: str) -> None:
        """Only while nothing is in flight: what a server works on for long is no silence."""
        lasted = now - (self._troubled_since or now)
        if lasted > self._times.outage_seconds and not any(server.in_flight for server in self._servers):
            raise OutageError(
                f"no server could be reached, or gave an answer, for {lasted:.0f} s ({trouble}). Finished traces are "
                "kept: see to the servers and run the same command again"
            )

    def _note_trouble(self, asked: _Asked, server: Server, trouble: str) -> None:
        self._troubled_since = self._troubled_since or time.monotonic()
        asked.last, asked.trouble = server, f"{server.url}: {trouble}"

    def _note_answer(self, server: Server) -> None:
        self._troubled_since = None
        server.answered()

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

    async def _answers(self, server: Server) -> bool:
        """Whether it gives any answer at all when it is asked for its models."""
        timeout = aiohttp.ClientTimeout(total=self._times.probe_seconds)
        try:
            async with self._session.get(f"{server.url}/models", timeout=timeout, allow_redirects=False):
                server.last_answer = time.monotonic()
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False


def _name(error: BaseException) -> str:
    """An error in words; aiohttp's say little without their names."""
    return str(error) if isinstance(error, _UnreadableError) else f"{type(error).__name__} {error}".rstrip()
