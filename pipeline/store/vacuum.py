"""Deleting the files that only versions which nobody needs have; a version that is pinned is never touched."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from tracewright.pipeline.store.disk import explain_disk_errors, sync_folder
from tracewright.pipeline.store.failpoints import RemovalPoint, reach
from tracewright.pipeline.store.locks import COMMIT_LOCK, hold
from tracewright.pipeline.store.log import LoggedVersion, read_versions
from tracewright.pipeline.store.objects import ObjectPath
from tracewright.pipeline.store.removals import RemovalRecords
from tracewright.pipeline.store.table import ModelTable

UNDER_WAY_SECONDS = 24 * 3600.0
"""On S3, where a commit may come from any machine, no younger file is deleted."""


@dataclass(frozen=True)
class Vacuum:
    """What was deleted of one table."""

    table: str
    files: int
    size_bytes: int
    versions_gone: int
    """How many versions can't be read any more, counted from the store's beginning."""


def vacuum_table(table: ModelTable[Any], locks: Path, pinned: Collection[int], keep: timedelta) -> Vacuum:
    """Delete the files that no version to be kept has: the newest, the pinned, and those that were the newest within
    `keep`.

    The log stays: the history tells of every version, and says which can't be read any more. Writers wait meanwhile.

    Raises:
        StoreError: the log can't be read whole; nothing is deleted then.
    """
    with hold(locks / COMMIT_LOCK), explain_disk_errors(table.path, "vacuuming"):
        versions = list(read_versions(table.path))
        kept = _choose(versions, pinned, datetime.now(UTC) - keep)
        needed = _stand_in(table, {name for one in versions if one.version in kept for name in one.files})
        gone = [one.version for one in versions if not _stand_in(table, one.files) <= needed]
        table.record_gone(gone)
        reach(RemovalPoint.VERSIONS_GONE)
        return _delete(table, needed, len(gone))


def _choose(versions: list[LoggedVersion], pinned: Collection[int], since: datetime) -> set[int]:
    # A version was the newest until the next one was committed.
    recent = {one.version for one, following in pairwise(versions) if following.committed_at >= since}
    return {*pinned, *recent, versions[-1].version}


def _stand_in(table: ModelTable[Any], logged: Collection[str]) -> set[str]:
    """The files on the disk for files of the log: those that were cut stand under another name, or not at all."""
    known = RemovalRecords(table.path.parent).replacements(table.kind.folder)
    cut = [known[name] for name in logged if name in known]
    return {name for name in logged if name not in known} | {now.path for now in cut if now is not None}


def _may_be_under_way(path: Path) -> bool:
    """Whether a writer on another machine, whom no lock here holds up, may have written it and not yet committed."""
    return isinstance(path, ObjectPath) and time.time() - path.stat().st_mtime < UNDER_WAY_SECONDS


def _delete(table: ModelTable[Any], needed: Collection[str], gone: int) -> Vacuum:
    files = size_bytes = 0
    for path in sorted(table.path.glob("*.parquet")):
        if path.name not in needed and not _may_be_under_way(path):
            files, size_bytes = files + 1, size_bytes + path.stat().st_size
            path.unlink()
    sync_folder(table.path)
    return Vacuum(table.kind.folder, files, size_bytes, gone)
