"""Worker processes that are killed from outside when their time is over, for any number of threads."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tracewright.pipeline.verify.limits import MAX_WORKER_CASES, MAX_WORKER_MEMORY_BYTES, WORKER_START_SECONDS
from tracewright.schemas.errors import EngineError

_CHUNK_BYTES = 65_536
_SERVER = "tracewright.pipeline.verify.processes.worker_server"
_SERVER_END_SECONDS = 5.0


class WorkerTimeoutError(EngineError):
    """A worker did not answer in time and was killed."""


class WorkerDiedError(EngineError):
    """A worker ended before it answered: out of memory or processor time."""


@dataclass
class _Worker:
    connection: socket.socket
    pid: int
    cases: int = 0
    buffer: bytearray = field(default_factory=bytearray)

    def ask(self, message: dict[str, Any], deadline: float) -> dict[str, Any]:
        self.cases += 1
        self.connection.settimeout(max(deadline - time.monotonic(), 0.001))
        self.connection.sendall(json.dumps(message).encode() + b"\n")
        return self.receive(deadline)

    def receive(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self.buffer:
            self.connection.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self.connection.recv(_CHUNK_BYTES)
            if not chunk:
                raise ConnectionError("the worker hung up")
            self.buffer += chunk
        line, _, rest = self.buffer.partition(b"\n")
        self.buffer = bytearray(rest)
        return json.loads(bytes(line))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.connection.close()


class Workers:
    """At most so many workers, started when they are needed and kept for the next question."""

    def __init__(self, count: int) -> None:
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)
        self._count = count
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Start the server and a worker, and wait for them: what they import takes a second or two."""
        worker = self._idle.get()
        try:
            worker = worker or self._start_worker()
        finally:
            self._idle.put(worker)

    def ask(self, message: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
        """A worker's answer. The clock starts when a worker takes the question.

        Raises:
            WorkerTimeoutError, WorkerDiedError: there is none; other questions are not touched by it.
        """
        worker = self._idle.get()
        kept: _Worker | None = None
        try:
            worker = worker or self._start_worker()
            answer = self._answer(worker, message, timeout_seconds)
            kept = worker
        finally:
            if kept is not None and kept.cases >= MAX_WORKER_CASES:
                kept.connection.close()
                kept = None
            self._idle.put(kept)
        return answer

    def _answer(self, worker: _Worker, message: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
        seconds = f"{round(timeout_seconds, 1):g}"
        try:
            return worker.ask(message, time.monotonic() + timeout_seconds)
        except TimeoutError as error:
            worker.kill()
            raise WorkerTimeoutError(f"it takes more than the limit of {seconds} seconds") from error
        except (OSError, ValueError) as error:
            worker.kill()
            limits = f"{MAX_WORKER_MEMORY_BYTES // 1024**2} MiB or {seconds} seconds of processor time"
            raise WorkerDiedError(f"the worker died, past its limit of {limits}") from error

    def close(self) -> None:
        """End the workers and their server; a later question starts them again."""
        for worker in [self._idle.get() for _ in range(self._count)]:
            if worker is not None:
                worker.kill()
            self._idle.put(None)
        with self._lock:
            self._end_server()

    def _end_server(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._server is not None:
            try:
                self._server.wait(_SERVER_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None

    def _start_worker(self) -> _Worker:
        deadline = time.monotonic() + WORKER_START_SECONDS
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            control = self._ensure_server()
            control.settimeout(WORKER_START_SECONDS)
            socket.send_fds(control, [b"f"], [theirs.fileno()])
            pid = self._receive_pid(control)
        worker = _Worker(ours, pid)
        worker.receive(deadline)
        return worker

    def _receive_pid(self, control: socket.socket) -> int:
        received = b""
        while len(received) < 8:
            try:
                chunk = control.recv(8 - len(received))
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self._end_server()
                raise EngineError("the workers' server ended before it started a worker: see its messages on stderr")
            received += chunk
        return int.from_bytes(received, "big")

    def _ensure_server(self) -> socket.socket:
        if self._control is not None and self._server is not None and self._server.poll() is None:
            return self._control
        self._end_server()
        self._control, theirs = socket.socketpair()
        with theirs:
            # `-P`: what lies in the current directory is not imported.
            command = [sys.executable, "-P", "-m", _SERVER, str(theirs.fileno())]
            self._server = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"},
            )
        return self._control
