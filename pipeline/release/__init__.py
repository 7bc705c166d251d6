"""Releases: immutable, hashed, carded exports of a store, and the one reader of published data."""

from tracewright.pipeline.release.compare import ReleaseDiff, diff_releases
from tracewright.pipeline.release.create import create_release
from tracewright.pipeline.release.parquet import FileLimits
from tracewright.pipeline.release.reader import Release, open_release
from tracewright.pipeline.release.register import RegisteredRelease, find_releases
from tracewright.pipeline.release.takedown import finish_takedowns, take_down
from tracewright.pipeline.release.vacuum import vacuum_store
from tracewright.pipeline.release.verify import verify_release
from tracewright.pipeline.release.withdraw import ReleaseFacts, show_release, yank_release

__all__ = [
    "FileLimits",
    "RegisteredRelease",
    "Release",
    "ReleaseDiff",
    "ReleaseFacts",
    "create_release",
    "diff_releases",
    "find_releases",
    "finish_takedowns",
    "open_release",
    "show_release",
    "take_down",
    "vacuum_store",
    "verify_release",
    "yank_release",
]
