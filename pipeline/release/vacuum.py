"""Vacuum that keeps what releases and slices point to."""

from __future__ import annotations

from datetime import timedelta

from tracewright.pipeline.curate import list_slices, read_slice
from tracewright.pipeline.release.register import find_pinned_versions
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.vacuum import Vacuum

DEFAULT_KEEP = timedelta(days=7)
"""Long enough for a reader that began before the version was replaced."""


def vacuum_store(store: Store, keep: timedelta = DEFAULT_KEEP) -> list[Vacuum]:
    """Delete the files of versions that nobody needs.

    Kept are the newest version, every version that was the newest within `keep`, and every version that a release
    (withdrawn or not) or a slice points to. Waits for releases that are being made.

    Raises:
        StoreError: a table, the register or a slice can't be read: nothing is deleted then.
    """
    with store.keep_versions(alone=True):
        return store.vacuum(pinned_versions(store), keep)


def pinned_versions(store: Store) -> set[int]:
    """The versions of the traces that a release or a slice points to."""
    slices = (read_slice(store.path, name).store_version for name in list_slices(store.path))
    return {*find_pinned_versions(store.path), *(version for version in slices if version is not None)}
