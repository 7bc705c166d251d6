"""Releases: immutable, hashed, carded exports of a store, and the one reader of published data.

Names are imported when they are first asked for: a job that only reads loads neither the store nor polars.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracewright.pipeline.release.compare import ReleaseDiff, diff_releases
    from tracewright.pipeline.release.create import create_release
    from tracewright.pipeline.release.parquet import FileLimits
    from tracewright.pipeline.release.push import Push, push_release
    from tracewright.pipeline.release.reader import Release, open_release
    from tracewright.pipeline.release.register import RegisteredRelease, find_releases
    from tracewright.pipeline.release.stream import RowStream, StreamState
    from tracewright.pipeline.release.takedown import finish_takedowns, take_down
    from tracewright.pipeline.release.vacuum import vacuum_store
    from tracewright.pipeline.release.verify import verify_release
    from tracewright.pipeline.release.withdraw import ReleaseFacts, show_release, yank_release

_PLACES = {
    "FileLimits": "parquet",
    "Push": "push",
    "RegisteredRelease": "register",
    "Release": "reader",
    "ReleaseDiff": "compare",
    "ReleaseFacts": "withdraw",
    "RowStream": "stream",
    "StreamState": "stream",
    "create_release": "create",
    "diff_releases": "compare",
    "find_releases": "register",
    "finish_takedowns": "takedown",
    "open_release": "reader",
    "push_release": "push",
    "show_release": "withdraw",
    "take_down": "takedown",
    "vacuum_store": "vacuum",
    "verify_release": "verify",
    "yank_release": "withdraw",
}
"""In which module each name is."""

__all__ = [
    "FileLimits",
    "Push",
    "RegisteredRelease",
    "Release",
    "ReleaseDiff",
    "ReleaseFacts",
    "RowStream",
    "StreamState",
    "create_release",
    "diff_releases",
    "find_releases",
    "finish_takedowns",
    "open_release",
    "push_release",
    "show_release",
    "take_down",
    "vacuum_store",
    "verify_release",
    "yank_release",
]


def __getattr__(name: str) -> Any:
    if (place := _PLACES.get(name)) is None:
        raise AttributeError(f"{__name__} has no {name}: it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{place}"), name)
