"""A Prefect server of our own, for those who have none: a child process that ends with the one that started it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tracewright.flows.runtime import configure_run
from tracewright.pipeline.engines.lifeline import end_group_with_parent
from tracewright.schemas import ConfigError, TracewrightError

_HOST = "127.0.0.1"
_OK = 200
_START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2
_STOP_TIMEOUT_SECONDS = 10.0


@contextmanager
def run_server(port: int, log: Path) -> Generator[None]:
    """A server on that port of this machine, for the block; its records are in PREFECT_HOME and outlive it.

    Raises:
        ConfigError: something else listens on the port.
        TracewrightError: the server did not start; its log says why.
    """
    with start_server(port, log) as wait_until_ready:
        wait_until_ready()
        yield


@contextmanager
def serve_run(data: Path) -> Generator[Callable[[], None]]:
    """A server for one command, with its records and its log beside the data, unless the user has one.

    The block gets a function that waits until it answers; Prefect must not have been imported before.

    Raises:
        StoreError: the folder can't be written.
    """
    port = find_port()
    if not configure_run(data, port):
        yield lambda: None
        return
    with start_server(port, data / "logs" / "prefect-server.log") as wait_until_ready:
        yield wait_until_ready


@contextmanager
def start_server(port: int, log: Path) -> Generator[Callable[[], None]]:
    """The same without waiting: the block gets a function that waits, and does something else meanwhile.

    Raises:
        ConfigError: something else listens on the port.
    """
    check_port(port)
    command = [sys.executable, "-m", __name__, str(os.getpid()), str(port)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as lines:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines, env=_environment(), start_new_session=True
        )
    try:
        yield lambda: _wait_until_ready(server, port, log)
    finally:
        server.terminate()
        server.wait(_STOP_TIMEOUT_SECONDS)


def main() -> None:
    """Serve until the process that started this one ends."""
    import uvicorn

    end_group_with_parent(int(sys.argv[1]))
    uvicorn.run(
        "prefect.server.api.server:create_app", factory=True, host=_HOST, port=int(sys.argv[2]), log_level="warning"
    )


def _environment() -> dict[str, str]:
    """Without an address: the server would ask itself at that one."""
    return {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}


def find_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server((_HOST, 0)) as free:
        return free.getsockname()[1]


def check_port(port: int) -> None:
    """Raise ConfigError if something else listens on the port."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((_HOST, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} can't be had: {error.strerror}: name another one with --port, or, if a Prefect server "
                f"listens there, use it: PREFECT_API_URL=http://{_HOST}:{port}/api"
            ) from error


def _answers(port: int) -> bool:
    # Not httpx: each of its calls loads the machine's certificates, a twentieth of a second that the server lacks.
    connection = HTTPConnection(_HOST, port, timeout=_POLL_SECONDS * 10)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == _OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if _answers(port):
            return
        time.sleep(_POLL_SECONDS)
    raise TracewrightError(f"Prefect's server did not start: {log} says why; mend it and run the same command again")


if __name__ == "__main__":
    main()
