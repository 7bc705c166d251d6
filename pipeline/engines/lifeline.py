"""A child process that never outlives its parent.

vLLM's own engine process was seen alive nine minutes after its parent had been killed, holding the accelerator. Here
the child leads a process group of its own, and two independent things end the whole group: the kernel's parent-death
signal (at once) and a thread that watches for a changed parent (every half second, also where the kernel has no such
signal).
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time

_PR_SET_PDEATHSIG = 1
_WATCH_INTERVAL_SECONDS = 0.5


def end_group_with_parent(parent_pid: int) -> None:
    """Make this process, started in a session of its own, and all its children end when `parent_pid` does.

    To be called first thing in the child. It does not cover a grandchild that leaves the process group.
    """
    signal.signal(signal.SIGTERM, lambda *_: _kill_group())
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    threading.Thread(target=_watch, args=(parent_pid,), name="lifeline", daemon=True).start()


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_WATCH_INTERVAL_SECONDS)
    _kill_group()


def _kill_group() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)
