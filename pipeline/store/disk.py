"""Files that are there whole or not at all, and disk errors in words that say what to do."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tracewright.pipeline.store.failpoints import Failpoint, reach
from tracewright.pipeline.store.objects import ObjectPath
from tracewright.schemas.errors import StoreError, TracewrightError

ASIDE_PREFIX = "_aside-"
"""Delta and every Parquet reader ignore files that begin with an underscore."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_ERROR_NUMBER = re.compile(r"\(os error (\d+)\)")
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def explain_disk_errors(path: Path, doing: str) -> Generator[None]:
    """Turn an `OSError` into a `StoreError` that names the path and the way out."""
    try:
        yield
    except TracewrightError:
        raise
    except OSError as error:
        raise StoreError(explain(error, path, doing)) from error


def explain(error: Exception, path: Path, doing: str) -> str:
    """The sentence for a person: what failed, why, and what to do."""
    number = _error_number(error)
    reason = os.strerror(number) if number else " ".join(str(error).split())
    if number in _FULL:
        advice = "everything stored before is intact; make space and run the same command again"
    elif number in _REFUSED:
        advice = "choose a folder that can be written, or change its permissions"
    else:
        advice = "everything stored before is intact; see to the disk and run the same command again"
    return f"{doing} {path} failed: {reason}: {advice}"


def _error_number(error: Exception) -> int | None:
    """The system's number for an error: delta-rs has it in its text alone."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    named = _ERROR_NUMBER.search(str(error))
    return int(named[1]) if named else None


def write_durably(path: Path, data: bytes | memoryview) -> None:
    """Write a file aside, sync it, rename it into place and sync the folder: after a crash it is whole or absent.

    Raises:
        StoreError: the disk is full or can't be written; nothing is left behind then.
    """
    if isinstance(path, ObjectPath):
        return _put(path, data)
    aside = path.with_name(ASIDE_PREFIX + path.name)
    with explain_disk_errors(path, "writing"):
        try:
            _write_synced(aside, memoryview(data))
            aside.replace(path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        reach(Failpoint.FILE_RENAMED)
        sync_folder(path.parent)
        reach(Failpoint.FOLDER_SYNCED)


def _put(path: ObjectPath, data: bytes | memoryview) -> None:
    """An object is there whole or not at all, and durable once the bucket has said so."""
    reach(Failpoint.FILE_WRITTEN)
    with explain_disk_errors(path, "writing"):
        path.put(data)
    reach(Failpoint.FILE_RENAMED)


def sync_folder(path: Path) -> None:
    """Make the folder's entries durable: a rename is not, until its folder is synced."""
    sync_file(path)


def sync_file(path: Path) -> None:
    """Make what was written to the file durable, whoever wrote it."""
    if isinstance(path, ObjectPath):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """The folder with its parents, durably.

    Raises:
        StoreError: it can't be made.
    """
    if isinstance(path, ObjectPath) or path.is_dir():
        return
    with explain_disk_errors(path, "making the folder"):
        path.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent)


def remove_asides(folder: Path) -> None:
    """Remove what a killed writer left half-written. Only for the one process that may write in this folder."""
    for leftover in folder.glob(ASIDE_PREFIX + "*"):
        leftover.unlink(missing_ok=True)


def write_all(descriptor: int, data: memoryview) -> None:
    """Write all of the bytes: a single `write` may take fewer, near a full disk for one."""
    while len(data):
        data = data[os.write(descriptor, data) :]


def _write_synced(path: Path, data: memoryview) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        half = len(data) // 2
        write_all(descriptor, data[:half])
        reach(Failpoint.FILE_HALF_WRITTEN)
        write_all(descriptor, data[half:])
        reach(Failpoint.FILE_WRITTEN)
        os.fsync(descriptor)
        reach(Failpoint.FILE_SYNCED)
    finally:
        os.close(descriptor)
