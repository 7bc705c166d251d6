"""A local engine in a process of its own, so that what it holds is its own and it ends with what started it."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import cast

from tracewright.pipeline.engines.base import Completion, Engine, Failure, Request
from tracewright.schemas import EngineError, TracewrightError

_STOP_SECONDS = 5.0


class ProcessEngine:
    """The engine protocol over an engine that answers one request after another.

    Nothing but requests and results passes between the processes. The other one ends when this one does: the pipe
    that it reads from is closed then.
    """

    def __init__(self, start: Callable[[], Engine]) -> None:
        """`start` is called in the other process; its module is imported there anew.

        Raises:
            TracewrightError: what `start` raised.
            EngineError: the process died before it was ready.
        """
        context = multiprocessing.get_context("spawn")
        self._results, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(start, theirs), daemon=True)
        self._process.start()
        theirs.close()
        ready = self._receive()
        if isinstance(ready, TracewrightError):
            self.close()
            raise ready
        self._name = str(ready)

    @property
    def name(self) -> str:
        """The runtime with its version."""
        return self._name

    @property
    def pid(self) -> int:
        """Of the process that runs the model."""
        return cast(int, self._process.pid)

    def stream(self, requests: Iterable[Request | None]) -> Iterator[Completion | Failure]:
        """One result a request; a None among the requests ends the stream, since nothing is in flight.

        Raises:
            EngineError: the process died.
        """
        for request in requests:
            if request is None:
                return
            with contextlib.suppress(BrokenPipeError):  # reading from a dead process says more than writing to it
                self._results.send(request)
            yield cast(Completion | Failure, self._receive())

    def close(self) -> None:
        """End the process."""
        self._results.close()
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _receive(self) -> object:
        try:
            return self._results.recv()
        except (EOFError, ConnectionResetError) as error:
            self._process.join(_STOP_SECONDS)
            raise EngineError(
                f"the process that runs the model died (exit status {self._process.exitcode}): what it printed says "
                "why; -9 says that the machine has too little memory for it"
            ) from error


def _serve(start: Callable[[], Engine], results: Connection) -> None:
    try:
        engine = start()
    except TracewrightError as error:
        results.send(error)
        return
    results.send(engine.name)
    while True:
        try:
            request = results.recv()
        except EOFError:
            return
        for result in engine.stream([request]):
            results.send(result)
