"""The journal: finished completions on the local disk, from the moment they leave the engine until they are stored.

Append-only files of lines, `CRC32 JSON`; a line that a crash tore fails its checksum and is dropped, and its completion
is simply made again. An appended record survives the death of the process at once, and that of the machine after half
a second. A file goes when every record in it is settled; until then a new process replays all of it, which does no
harm: what is stored already is not stored again.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracewright.pipeline.json_bytes import load_json
from tracewright.pipeline.store.disk import explain_disk_errors, make_folder, sync_folder, write_all
from tracewright.pipeline.store.failpoints import Failpoint, reach

SYNC_SECONDS = 0.5
_MAX_FILE_BYTES = 16 * 2**20
_SUFFIX = ".journal"
_CRC_HEX_DIGITS = 8


@dataclass
class _Segment:
    """One file of the journal and the numbers of its records that are not settled."""

    path: Path
    open_numbers: set[int] = field(default_factory=set)
    size_bytes: int = 0


class Journal:
    """Records in the order in which they were appended, each with a number by which it is settled.

    Safe to append to from several threads. One process at a time: the writer's lock sees to it.
    """

    def __init__(self, folder: Path) -> None:
        """Open the journal and count what a killed process left in it.

        Raises:
            StoreError: the folder can't be made or read.
        """
        make_folder(folder)
        self.dropped = 0
        """Lines that a crash tore: their completions have to be made again."""
        self._folder = folder
        self._mutex = threading.Lock()
        self._next = 0
        self._current: _Segment | None = None
        self._descriptor = -1
        self._old = [self._scan(path) for path in sorted(folder.glob("*" + _SUFFIX))]
        self.settle(())
        self._syncer = _Syncer(self._duplicate)

    def append(self, record: Mapping[str, Any]) -> int:
        """Write a record, whatever JSON can hold, and return its number.

        Raises:
            StoreError: the disk is full or failing. Every record that has a number is intact.
        """
        # Engines do give lone surrogates now and then: judging them is another stage's business.
        body = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        return self.append_json(body.encode("utf-8", "surrogatepass"))

    def append_json(self, body: bytes) -> int:
        """The same for a record that is JSON already, on one line.

        Raises:
            StoreError: as for `append`.
        """
        data = b"%08x %b\n" % (zlib.crc32(body), body)
        with self._mutex, explain_disk_errors(self._folder, "writing to the journal in"):
            segment = self._open_segment()
            try:
                write_all(self._descriptor, memoryview(data))
            except OSError:
                os.ftruncate(self._descriptor, segment.size_bytes)
                raise
            segment.size_bytes += len(data)
            number, self._next = self._next, self._next + 1
            segment.open_numbers.add(number)
        self._syncer.note_write()
        reach(Failpoint.JOURNAL_APPENDED)
        return number

    def replay(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """What an earlier process left that this one has not settled, oldest first, with their numbers."""
        for segment in list(self._old):
            first = _first_number(segment.path)
            records = (record for record in _read(segment.path) if record is not None)
            for number, record in enumerate(records, first):
                if number in segment.open_numbers:
                    yield number, record

    def settle(self, numbers: Iterable[int]) -> None:
        """Say that the rows of these records are stored; files with nothing else in them are removed."""
        with self._mutex, explain_disk_errors(self._folder, "removing from the journal in"):
            settled = set(numbers)
            segments = [*self._old, *([self._current] if self._current else [])]
            for segment in segments:
                segment.open_numbers -= settled
            reach(Failpoint.JOURNAL_SETTLED)
            for segment in segments:
                if not segment.open_numbers:
                    self._remove(segment)

    def close(self) -> None:
        """Sync and close; what is not settled is replayed next time.

        Raises:
            StoreError: the last records could not be synced.
        """
        self._syncer.stop()
        with self._mutex, explain_disk_errors(self._folder, "closing the journal in"):
            self._close_segment()

    def _scan(self, path: Path) -> _Segment:
        with explain_disk_errors(path, "reading the journal"):
            whole = [record is not None for record in _read(path)]
        first, count = _first_number(path), sum(whole)
        self.dropped += len(whole) - count
        self._next = max(self._next, first + count)
        return _Segment(path, set(range(first, first + count)))

    def _open_segment(self) -> _Segment:
        self._syncer.raise_failure()
        if self._current is not None and self._current.size_bytes >= _MAX_FILE_BYTES:
            self._close_segment()
        if self._current is None:
            path = self._folder / f"{self._next:012d}{_SUFFIX}"
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._current = _Segment(path)
            sync_folder(self._folder)
            reach(Failpoint.JOURNAL_OPENED)
        return self._current

    def _close_segment(self) -> None:
        if self._current is None:
            return
        os.fsync(self._descriptor)
        reach(Failpoint.JOURNAL_SYNCED)
        os.close(self._descriptor)
        self._old.append(self._current)
        self._current, self._descriptor = None, -1

    def _remove(self, segment: _Segment) -> None:
        segment.path.unlink(missing_ok=True)
        if segment is self._current:
            os.close(self._descriptor)
            self._current, self._descriptor = None, -1
        else:
            self._old.remove(segment)

    def _duplicate(self) -> int:
        with self._mutex:
            return os.dup(self._descriptor) if self._current is not None else -1


class _Syncer:
    """Syncs in a thread of its own, so that no append waits for the disk."""

    def __init__(self, duplicate: Any) -> None:
        self._duplicate = duplicate
        self._written = threading.Event()
        self._stopping = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def note_write(self) -> None:
        self._written.set()

    def raise_failure(self) -> None:
        """Raise what went wrong behind the last append's back."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def stop(self) -> None:
        self._stopping.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._written.wait()
            if self._stopping.wait(SYNC_SECONDS):
                return
            self._written.clear()
            try:
                self._sync()
            except OSError as error:
                self._failure = error

    def _sync(self) -> None:
        if (descriptor := self._duplicate()) < 0:
            return
        try:
            os.fdatasync(descriptor)
            reach(Failpoint.JOURNAL_SYNCED)
        finally:
            os.close(descriptor)


def _read(path: Path) -> Iterator[dict[str, Any] | None]:
    """Each line's record; None for a line that was not written whole."""
    with path.open("rb") as lines:
        for line in lines:
            yield _decode(line)


def _decode(line: bytes) -> dict[str, Any] | None:
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or len(checksum) != _CRC_HEX_DIGITS:
        return None
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    return load_json(body)


def _first_number(path: Path) -> int:
    return int(path.name.removesuffix(_SUFFIX))
