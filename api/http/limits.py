"""Limits on who sends how much, how fast and how often."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracewright.api.http.errors import make_problem

MAX_KNOWN = 10_000
"""Users and addresses that a rate limit remembers; the longest silent ones are forgotten."""
MAX_URL_BYTES = 16_384


class RateLimit:
    """A bucket of tokens for each key: `burst` at once, `per_second` in the long run."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, tokens: float = 1.0) -> bool:
        """Take from a key's bucket; False where there is not enough in it."""
        with self._lock:
            level = self._level(key)
            allowed = level >= tokens
            self._levels[key] = (level - tokens if allowed else level, self._clock())
            self._levels.move_to_end(key)
            if len(self._levels) > MAX_KNOWN:
                self._levels.popitem(last=False)
            return allowed

    def has(self, key: str) -> bool:
        """Whether a token is left."""
        with self._lock:
            return self._level(key) >= 1.0

    def forget(self) -> None:
        """Fill every bucket."""
        with self._lock:
            self._levels.clear()

    def _level(self, key: str) -> float:
        level, at = self._levels.get(key, (float(self._burst), self._clock()))
        return min(self._burst, level + (self._clock() - at) * self._per_second)


class ClientLeftError(Exception):
    """Whoever sent a request is gone before its end."""


class BodyLimit:
    """Reads a request's body before the application does: no larger and no slower than allowed."""

    def __init__(self, app: ASGIApp, max_bytes: int, max_seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > MAX_URL_BYTES:
            return await make_problem(414, f"the URL is longer than {MAX_URL_BYTES} bytes")(scope, receive, send)
        try:
            async with asyncio.timeout(self._max_seconds):
                body = await self._read(receive)
        except ClientLeftError:
            return None
        except TimeoutError:
            refusal = make_problem(408, f"the body took longer than {self._max_seconds:g} s", {"Connection": "close"})
            return await refusal(scope, receive, send)
        if body is None:
            refusal = make_problem(413, f"the body is larger than {self._max_bytes:,} bytes", {"Connection": "close"})
            return await refusal(scope, receive, send)
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None for one that is too large.

        Raises:
            ClientLeftError: it never came whole, and half a request is not acted upon.
        """
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                return None
            more = message.get("more_body", False)
        return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
