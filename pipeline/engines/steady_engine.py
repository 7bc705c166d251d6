"""An engine that is replaced when it dies or hangs; what it had in flight is asked again, and nothing is lost.

An engine that dies with a request in flight may have died of it. So after a second death without a single result
between them, what was in flight is asked one by one: a request that kills an engine by itself is a failure, and the
others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tracewright.pipeline.engines.base import (
    Completion,
    Distributions,
    Failure,
    Request,
    RequestDrawer,
    ScoringRequest,
)
from tracewright.pipeline.engines.vllm_engine import VllmEngine
from tracewright.schemas import EngineError

_MAX_DEATHS = 2
"""In a row, before what was in flight is asked one by one."""
_MAX_LONE_DEATHS = 3
"""In a row, each with a single request in flight: then it is not the requests, and the run ends."""


class SteadyEngine:
    """Runs an engine from `start`, and another whenever one is gone."""

    def __init__(self, start: Callable[[], VllmEngine]) -> None:
        self._start = start
        self._engine = start()
        self.replaced = 0
        """How many engines were lost so far."""

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return self._engine.name

    @property
    def dtype(self) -> str:
        """The number format that the weights were loaded in."""
        return self._engine.dtype

    @property
    def pid(self) -> int:
        """Of the present engine's process."""
        return self._engine.pid

    @property
    def is_alive(self) -> bool:
        """Whether the present engine runs."""
        return self._engine.is_alive

    def stream(self, requests: Iterable[Request | None]) -> Iterator[Completion | Failure]:
        """See `Engine.stream`.

        Raises:
            EngineError: an engine does not start, or dies of one request after another.
        """
        drawer, in_flight, deaths = RequestDrawer(requests), dict[str, Request](), 0
        while True:
            lost = list(in_flight.values())
            if deaths >= _MAX_DEATHS:
                for result in self._ask_one_by_one(lost):
                    del in_flight[result.key]
                    yield result
                lost, deaths = [], 0
            try:
                for result in self._engine.stream(_draw(lost, drawer, in_flight)):
                    del in_flight[result.key]
                    deaths = 0
                    yield result
                return
            except EngineError:
                if not in_flight:  # it did not even begin
                    raise
                deaths += 1
                self._replace()

    def score(self, requests: Sequence[ScoringRequest], likeliest: int) -> list[Distributions]:
        """See `VllmEngine.score`; an engine that dies is replaced once, and asked again.

        Raises:
            EngineError: the second one fails too, or a text can't be scored.
        """
        try:
            return self._engine.score(requests, likeliest)
        except EngineError:
            if self._engine.is_alive:
                raise
            self._replace()
            return self._engine.score(requests, likeliest)

    def close(self) -> None:
        """See `Engine.close`."""
        self._engine.close()

    def __enter__(self) -> SteadyEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._engine.__exit__(kind, error, trace)

    def _ask_one_by_one(self, suspects: list[Request]) -> Iterator[Completion | Failure]:
        deaths = 0
        for request in suspects:
            try:
                yield from self._engine.stream([request])
                deaths = 0
            except EngineError as error:
                deaths += 1
                if deaths >= _MAX_LONE_DEATHS:
                    raise
                self._replace()
                yield Failure(request.key, f"the engine died while it worked on this request alone: {error}")

    def _replace(self) -> None:
        """Put another engine in the lost one's place.

        Raises:
            EngineError: it does not start.
        """
        self._engine.kill()
        self._engine = self._start()
        self.replaced += 1
        _ = self._engine.name  # waits until it is ready, and says why where it never is


def _draw(lost: list[Request], drawer: RequestDrawer, in_flight: dict[str, Request]) -> Iterator[Request | None]:
    """First what a lost engine had in flight, then what comes."""
    yield from lost
    while not drawer.ended:
        request = drawer.draw()
        if request is not None:
            in_flight[request.key] = request
        if request is not None or not drawer.ended:
            yield request
