"""Locks between processes, by `flock`: the kernel lets go of them when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tracewright.pipeline.store.disk import explain_disk_errors
from tracewright.schemas.errors import StoreBusyError

COMMIT_LOCK = "commit.lock"
"""Held while a store's files are written and committed."""
VERSIONS_LOCK = "versions.lock"
"""Shared by those who read a version for long, held alone while versions are deleted."""
_MAX_PID_BYTES = 32


class WriterLock:
    """Held by the one process that writes under a name; its file holds that process's id for the others' message."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            StoreBusyError: another writer holds it; the message names its process.
            StoreError: the file can't be made.
        """
        with explain_disk_errors(path, "opening the lock file"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, _MAX_PID_BYTES, 0).decode(errors="replace").strip()
            self.release()
            raise StoreBusyError(
                f"process {holder or '(unknown)'} is writing to the store {path.parent.parent} already, and a store "
                "takes one writer: wait until it is done, or stop it, and run the command again"
            ) from None
        _forget_in_children(self)
        with explain_disk_errors(path, "writing the lock file"):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another writer in. Harmless when called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextmanager
def hold(path: Path, *, shared: bool = False) -> Generator[None]:
    """Wait for the lock, and hold it for a short while: one shard's write and commit.

    A shared lock may be held by many at once, and by none while someone holds it alone.
    """
    with explain_disk_errors(path, "opening the lock file"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        # Unlocked by name: a child forked meanwhile shares the descriptor, and closing ours would not be enough.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _forget_in_children(lock: WriterLock) -> None:
    """A forked child shares the lock: one that outlives its killed parent (an engine) would keep the store shut."""
    reference = weakref.ref(lock)

    def release_in_child() -> None:
        if (held := reference()) is not None:
            held.release()

    os.register_at_fork(after_in_child=release_in_child)
