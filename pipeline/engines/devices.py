"""Accelerators are lent to one run at a time, by locks that the kernel takes back when their holder dies.

A run and each of its engines hold the device's file shared; a new run needs it for itself first. So a device is free
when the run *and* its last engine process are gone, however they went, and no slot can leak: there is nothing to give
back. It holds on one machine, which is what a device belongs to.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from tracewright.schemas import EngineError

DEVICES = "TRACEWRIGHT_DEVICES"
"""What this machine lends, with commas between; the NVIDIA GPUs where left out."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
_HELD = "TRACEWRIGHT_HELD_DEVICES"
"""For a run's children: the lock files of its devices."""
_FOLDER = "tracewright-devices"
_MUTEX = "taking.lock"
_POLL_SECONDS = 0.5
_MAX_PID_BYTES = 32

Announce = Callable[[str], None]


def find_devices() -> tuple[str, ...]:
    """The names of the devices that this machine lends; none where it has no GPU."""
    named = os.environ.get(DEVICES, os.environ.get(VISIBLE))
    if named is not None:
        return tuple(name.strip() for name in named.split(",") if name.strip())
    return tuple(sorted(node.name.removeprefix("nvidia") for node in Path("/dev").glob("nvidia[0-9]*")))


@contextmanager
def lease_devices(count: int, announce: Announce, folder: Path | None = None) -> Generator[tuple[str, ...]]:
    """Wait for so many devices and hold them for the block; engines started in it see these alone.

    A machine without devices lends none and nobody waits. Inside another lease, of this process or of its parent, it
    is that one which holds.

    Args:
        count: how many; 0 for an engine that runs elsewhere.
        announce: is told, once, whom the run waits for.
        folder: where the lock files are; the machine's own place where left out.

    Raises:
        EngineError: the machine has fewer devices than that.
    """
    known = find_devices()
    if not count or not known or _HELD in os.environ:
        yield ()
        return
    if count > len(known):
        raise EngineError(
            f"{count} devices are needed and this machine has {len(known)} ({', '.join(known)}): lower "
            f"tensor_parallel_size, or name what it has in {DEVICES}"
        )
    taken = _wait_for(count, known, folder or _lock_folder(), announce)
    held = os.pathsep.join(str(lock.path) for lock in taken)
    names = tuple(lock.path.stem for lock in taken)
    try:
        with _environment({_HELD: held, VISIBLE: ",".join(names), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}):
            yield names
    finally:
        for lock in taken:
            lock.release()


def share_devices() -> None:
    """Hold the devices of the run that started this process until the process ends. For an engine's process."""
    for path in filter(None, os.environ.get(_HELD, "").split(os.pathsep)):
        fcntl.flock(os.open(path, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_SH)


class _DeviceLock:
    """One device's file, held shared."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = _open(path)

    def take(self) -> bool:
        """Whether nobody held it; only under the mutex, which keeps others out between the two calls."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)
        return True

    def read_holder(self) -> str:
        """The process id of the run that took it last."""
        return os.pread(self.descriptor, _MAX_PID_BYTES, 0).decode(errors="replace") or "unknown"

    def release(self) -> None:
        """Let go. Harmless when called twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _wait_for(count: int, known: tuple[str, ...], folder: Path, announce: Announce) -> list[_DeviceLock]:
    announced = False
    while True:
        taken, holders = _try_to_take(count, known, folder)
        if len(taken) == count:
            return taken
        if not announced:
            announce(f"waiting for a device of {', '.join(known)}: lent to process {', '.join(holders)}")
            announced = True
        time.sleep(_POLL_SECONDS)


def _try_to_take(count: int, known: tuple[str, ...], folder: Path) -> tuple[list[_DeviceLock], list[str]]:
    """So many locks, or none and the processes that hold the others."""
    taken: list[_DeviceLock] = []
    holders: list[str] = []
    mutex = _open(folder / _MUTEX)
    try:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        for name in known:
            lock = _DeviceLock(folder / f"{name.replace('/', '_')}.lock")
            if len(taken) < count and lock.take():
                _forget_in_children(lock)
                taken.append(lock)
            else:
                holders.append(lock.read_holder())
                lock.release()
        if len(taken) < count:
            for lock in taken:
                lock.release()
            taken = []
    finally:
        os.close(mutex)
    return taken, holders


def _forget_in_children(lock: _DeviceLock) -> None:
    """A forked child shares the lock: a worker that outlives its killed parent for a moment is no reason to wait."""
    reference = weakref.ref(lock)

    def release_in_child() -> None:
        if (held := reference()) is not None:
            held.release()

    os.register_at_fork(after_in_child=release_in_child)


def _open(path: Path) -> int:
    """The file, made where it is missing, for every user of the machine."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise EngineError(f"the device lock {path} can't be opened: {error.strerror}: mend its rights") from error
    with suppress(PermissionError):  # another user's file, whose owner saw to it
        os.fchmod(descriptor, 0o666)
    return descriptor


def _lock_folder() -> Path:
    """The machine's place for locks, which is emptied when it starts; its temporary one where there is none."""
    places = [Path("/run/lock"), Path(tempfile.gettempdir())]
    folder = next(place for place in places if os.access(place, os.W_OK)) / _FOLDER
    folder.mkdir(mode=0o777, exist_ok=True)
    with suppress(PermissionError):
        folder.chmod(0o1777)
    return folder


@contextmanager
def _environment(values: dict[str, str]) -> Generator[None]:
    """Set for the block, and for the processes that are started in it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
