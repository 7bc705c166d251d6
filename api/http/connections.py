"""Connections that nobody keeps open by sending, or taking, next to nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 15.0
"""How long a client may take from its connection, or from a request's first byte, to the end of the headers."""
STALL_SECONDS = 60.0
"""How long a client may leave an answer lying that the machine's buffers have no more room for."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's own waits for headers and for slow readers for ever: a thousand such connections end a service."""

    header_seconds = HEADER_SECONDS
    stall_seconds = STALL_SECONDS

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._heads: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._heads = self.loop.call_later(self.header_seconds, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # uvicorn's annotation leaves out that there is none before the first request.
        if self.cycle is not None and not self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            self._heads = _cancel(self._heads)
        elif self._heads is None:
            self._heads = self.loop.call_later(self.header_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall = _cancel(self._stall)

    def connection_lost(self, exc: Exception | None) -> None:
        self._heads, self._stall = _cancel(self._heads), _cancel(self._stall)
        super().connection_lost(exc)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
