"""Ctrl-C: what is finished is stored, and the command ends at once.

A terminal sends Ctrl-C to the whole process group, so Prefect's embedded server dies with it, and Prefect would then
try for minutes to report to it. So once our own work is put away the process ends itself, and its children with it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psutil

from tracewright.flows.progress import say

EXIT_STATUS = 130
_GRACE_SECONDS = 20.0
"""For putting finished work away, where Ctrl-C did not reach it directly."""
_AGAIN_SECONDS = 0.05
"""By then the callback that dropped the exception has returned."""
_MESSAGE = "stopped; what was finished is kept: the same command goes on where this one stopped"


def guard_interrupts() -> None:
    """Make Ctrl-C raise KeyboardInterrupt once, and end the process some seconds later whatever happens then.

    A second Ctrl-C is ignored: it would interrupt the putting away of what the first one stopped. But where the
    exception was raised inside a callback that can't pass it on (a finalizer, a weak reference's), Python drops it and
    the work would go on: it is raised again.
    """
    report_dropped = sys.unraisablehook
    is_stopping = False

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal is_stopping
        if is_stopping:
            return
        is_stopping = True
        _later(_GRACE_SECONDS, end_now)
        raise KeyboardInterrupt

    def raise_again(dropped: sys.UnraisableHookArgs) -> None:
        nonlocal is_stopping
        if dropped.exc_type is not KeyboardInterrupt:
            report_dropped(dropped)
            return
        is_stopping = False
        _later(_AGAIN_SECONDS, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))

    sys.unraisablehook = raise_again
    signal.signal(signal.SIGINT, interrupt)


def _later(seconds: float, action: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


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
