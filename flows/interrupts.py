"""Ctrl-C: what is finished is stored, and the command ends at once.

A terminal sends Ctrl-C to the whole process group, so Prefect's embedded server dies with it, and Prefect would then
try for minutes to report to it. So once our own work is put away the process ends itself, and its children with it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import psutil

from tracewright.flows.progress import say

EXIT_STATUS = 130
_GRACE_SECONDS = 20.0
"""For putting finished work away, where Ctrl-C did not reach it directly."""
_MESSAGE = "stopped; what was finished is kept: the same command goes on where this one stopped"


def guard_interrupts() -> None:
    """Make Ctrl-C raise KeyboardInterrupt once, and end the process some seconds later whatever happens then.

    A second Ctrl-C is ignored: it would interrupt the putting away of what the first one stopped.
    """

    def interrupt(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        timer = threading.Timer(_GRACE_SECONDS, end_now)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)


@contextmanager
def stop_on_interrupt() -> Generator[None]:
    """End the process on Ctrl-C once the blocks inside have put their work away."""
    try:
        yield
    except KeyboardInterrupt:
        end_now()


def end_now() -> None:
    """Say that it is safe, end the children and this process."""
    say(_MESSAGE)
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    sys.stderr.flush()
    os._exit(EXIT_STATUS)
