"""Forks workers that have everything imported: `python -m tracewright.pipeline.verify.processes.worker_server FD`.

A new worker takes milliseconds. The one process that imports sympy has one thread and no work of its own, so forking it
is safe. It gets the socket of a new worker over the control socket `FD`, and ends, with all workers, when the other
side of that socket closes.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable

_CHECK_SECONDS = 2.0
"""How often it looks whether its parent still lives: a fork of the parent may hold the control socket open."""


def main(control: socket.socket) -> None:
    """Fork a worker for every socket that arrives."""
    # Imported before the first fork, so that workers share it.
    from tracewright.pipeline.verify.processes.worker import serve, warm_up

    warm_up()
    parent = os.getppid()
    while os.getppid() == parent:
        ready, _, _ = select.select([control], [], [], _CHECK_SECONDS)
        _reap()
        if not ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        connection = socket.socket(fileno=descriptors[0])
        child = os.fork()
        if child == 0:
            _become_worker(control, connection, serve)
        connection.close()
        control.send(child.to_bytes(8, "big"))


def _become_worker(control: socket.socket, connection: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    status = 1
    try:
        control.close()
        serve(connection)
        status = 0
    finally:
        os._exit(status)


def _reap() -> None:
    """Take note of workers that ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(socket.socket(fileno=int(sys.argv[1])))
