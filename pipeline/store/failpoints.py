"""Places where a test kills the process: at every write, sync, rename and commit that the store makes.

Set `TRACEWRIGHT_FAILPOINT=NAME` (or `NAME@3` for the third time it is reached) before starting the process. The kill is
a SIGKILL, so nothing is flushed, closed or cleaned up. Unset, a failpoint costs one comparison.
"""

from __future__ import annotations

import itertools
import os
import signal
from enum import StrEnum

VARIABLE = "TRACEWRIGHT_FAILPOINT"


class Failpoint(StrEnum):
    """Every place, in the order in which a run passes them; each name says what has just happened."""

    STORE_MARKED = "store.marked"
    TABLE_CREATED = "table.created"
    JOURNAL_OPENED = "journal.opened"
    JOURNAL_APPENDED = "journal.appended"
    JOURNAL_SYNCED = "journal.synced"
    FILE_HALF_WRITTEN = "file.half-written"
    FILE_WRITTEN = "file.written"
    FILE_SYNCED = "file.synced"
    FILE_RENAMED = "file.renamed"
    FOLDER_SYNCED = "folder.synced"
    SHARD_COMMITTED = "shard.committed"
    LOG_SYNCED = "log.synced"
    JOURNAL_SETTLED = "journal.settled"


class RemovalPoint(StrEnum):
    """The places that a takedown passes besides those of its writes and commits, in order, and one of vacuum."""

    RECORDED = "removal.recorded"
    RELEASES_YANKED = "removal.releases-yanked"
    ROWS_CUT = "removal.rows-cut"
    CUT_COMMITTED = "removal.cut-committed"
    CUT_DELETED = "removal.cut-deleted"
    VERSIONS_GONE = "vacuum.versions-gone"


_armed, _, _count = os.environ.get(VARIABLE, "").partition("@")
_hits = itertools.count(1)


def reach(point: StrEnum) -> None:
    """Kill this process if `point` is the armed failpoint and has been reached often enough."""
    if _armed and point == _armed and next(_hits) == int(_count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
