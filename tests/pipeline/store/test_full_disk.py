"""On a full disk a run stops with a clear error, loses nothing, and finishes when there is space again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.store import Journal, Store
from tracewright.schemas import MissingInputError, StoreError

ROOMS = [4_096 * pages for pages in (1, 4, 8, 12, 16, 24, 32, 40, 56)]
"""What is left on the disk: every kind of write is the one that fails at some of these."""
STORE_ERROR_STATUS = 3

Run = Callable[..., Any]
Check = Callable[..., None]


def leave_room(disk: Path, room: int) -> Path:
    """Fill the disk up to so many bytes; the file to remove for space."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4_096))
        except OSError:
            file.truncate(file.tell() - room)
    return filler


def trace_ids(path: Path) -> set[str]:
    try:
        return Store.open(path).trace_ids()
    except (MissingInputError, StoreError):
        return set()


def test_a_full_disk_costs_nothing(run: Run, assert_whole: Check, small_disk: Path) -> None:
    errors: set[str] = set()
    for room in ROOMS:
        path = small_disk / "data" / str(room)
        path.parent.mkdir(exist_ok=True)
        filler = leave_room(small_disk, room)
        ended = run(path, count=120)
        stored = trace_ids(path)
        filler.unlink()
        if ended["status"] != 0:
            assert ended["status"] == STORE_ERROR_STATUS
            assert "No space left on device" in ended["error"]
            assert "make space and run the same command again" in ended["error"]
            errors.add(ended["error"].split("/")[0])
        assert run(path, count=120)["status"] == 0
        assert stored <= trace_ids(path)
        assert_whole(path, rows=120)
    assert {"writing to the journal in ", "writing ", "committing to "} & errors
    assert len(errors) >= 3


def test_a_disk_that_fills_up_half_way_keeps_what_was_stored(run: Run, assert_whole: Check, small_disk: Path) -> None:
    path = small_disk / "store"
    assert run(path)["status"] == 0
    filler = leave_room(small_disk, 8_192)
    assert run(path, count=200)["status"] == STORE_ERROR_STATUS
    assert len(list(Store.open(path).iter_traces())) >= 32
    filler.unlink()
    assert run(path, count=200)["status"] == 0
    assert_whole(path, rows=200)


@pytest.mark.parametrize("max_file_bytes", [500, 2_000, 8_000, 20_000])
def test_a_limit_on_file_sizes_costs_nothing(
    max_file_bytes: int, run: Run, assert_whole: Check, tmp_path: Path
) -> None:
    path = tmp_path / "store"
    ended = run(path, count=60, max_file_bytes=max_file_bytes)
    assert ended["status"] == STORE_ERROR_STATUS
    assert "File too large" in ended["error"]
    assert run(path, count=60)["status"] == 0
    assert_whole(path, rows=60)


def test_a_full_disk_takes_no_record_that_was_acknowledged(small_disk: Path) -> None:
    journal = Journal(small_disk / "journal")
    leave_room(small_disk, 10_000)
    acknowledged: list[int] = []
    with pytest.raises(StoreError, match="make space"):
        while True:
            acknowledged.append(journal.append({"text": "x" * 700}))
    assert len(acknowledged) >= 5
    (small_disk / "filler").unlink()
    acknowledged.append(journal.append({"text": "after"}))
    journal.close()
    again = Journal(small_disk / "journal")
    assert [number for number, _ in again.replay()] == acknowledged
    assert again.dropped == 0
