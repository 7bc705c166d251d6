"""Limits that a process sets on itself before it works on what others wrote (Linux)."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
_MAX_OPEN_FILES = 64


def die_with_parent() -> None:
    """Be killed when the parent process ends; where the parent is a thread, when that thread ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The parent ended before the signal was ordered.
        os._exit(1)


def limit_memory(size_bytes: int) -> None:
    """Let allocations fail beyond so many bytes of address space."""
    resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))


def limit_files(size_bytes: int) -> None:
    """No core files, few open files, and no file larger than this."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = min(_MAX_OPEN_FILES, most) if most != resource.RLIM_INFINITY else _MAX_OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))


def limit_cpu(seconds: float) -> None:
    """End this process when it has used so many more seconds of processor time than now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))
