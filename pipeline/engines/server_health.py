"""Which servers of a pool may be asked, and which rather.

A server that can't be reached rests, longer each time, and comes back when one request tried on it is answered. One
that can be reached and gives nothing but errors is left out while another one gives answers, but for a request now and
then; where there is no other one, requests wait their turn. Otherwise it would draw all of them: it always has the
least in flight.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_FIRST_REST_SECONDS = 1.0
_MAX_REST_SECONDS = 15.0
_MAX_ERRORS = 3
"""Answers in a row that were errors, after which a server is left out as long as another one is sound."""
_PROBE_SECONDS = 15.0
"""Between two requests to a server that is left out."""
_PACE_SECONDS = 0.25
"""Between two requests to a server while none is sound: requests wait, and few of them spend their tries meanwhile."""


@dataclass
class Server:
    """One server of a pool."""

    url: str
    in_flight: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    failures: int = 0
    """In a row, of the connection: 0 for a server that can be reached."""
    errors: int = 0
    """Answers in a row that were errors."""
    resting_until: float = 0.0
    asked_at: float = 0.0
    last_answer: float = field(default_factory=time.monotonic)

    @property
    def is_sound(self) -> bool:
        """Whether it is worth asking before others."""
        return self.errors < _MAX_ERRORS

    def is_open(self, now: float) -> bool:
        """Whether a request may go to it; one that comes back from a rest gets a single one first."""
        return self.resting_until <= now and not (self.failures and self.in_flight)

    def answered(self) -> None:
        """Take an answer to the request, a refusal of it included."""
        self.failures = self.errors = 0
        self.last_answer = time.monotonic()

    def erred(self, *, is_reachable: bool) -> None:
        """Take an error that is the server's own, as far as can be told."""
        self.errors += 1
        self.failures = 0 if is_reachable else self.failures

    def rest(self) -> None:
        """Leave it alone for a while, longer each time."""
        now = time.monotonic()
        if self.resting_until <= now:  # one rest for all the requests that one death takes
            self.failures += 1
            self.resting_until = now + min(_MAX_REST_SECONDS, _FIRST_REST_SECONDS * 2 ** (self.failures - 1))


def find_open(servers: Sequence[Server], now: float, last: Server | None) -> Server | None:
    """The least loaded server that may be asked, rather a sound one, and not the one that was asked last."""
    opened = [server for server in servers if server.is_open(now)]
    pause = _PROBE_SECONDS if any(server.is_sound for server in opened) else _PACE_SECONDS
    found = [server for server in opened if server.is_sound or now - server.asked_at >= pause]
    others = [server for server in found if server is not last]
    return min(others or found, key=lambda server: len(server.in_flight), default=None)
