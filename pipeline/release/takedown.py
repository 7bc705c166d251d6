"""Takedown: traces leave every version of a store, and the releases that hold one of them are withdrawn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.release.layout import DATA
from tracewright.pipeline.release.manifest import read_manifest
from tracewright.pipeline.release.register import RegisteredRelease, lock_name, registered_names, settle_name
from tracewright.pipeline.release.withdraw import add_takedown, check_reason
from tracewright.pipeline.store import Removal, Store
from tracewright.pipeline.store.failpoints import RemovalPoint, reach
from tracewright.schemas.errors import InputError, MissingInputError, TracewrightError


def take_down(store: Store, where: str, reason: str) -> Removal:
    """Remove what the filter finds in the newest version from all versions, and withdraw the releases that hold it.

    The traces' attempts and reviews go too, and attempts of traces that never were, where the filter can tell. What
    killed takedowns left is finished first. The traces' ids are never stored again. What it does not reach: copies that
    left the store, such as the files of withdrawn releases, exports and the service's own database.

    Returns:
        The record: which ids, which releases, and those that were not where the register says.

    Raises:
        InputError: the filter is wrong or finds nothing, or there is no reason.
        StoreError: another takedown is at work, or the disk is full: the next takedown finishes this one.
    """
    reason = check_reason(reason)
    condition = parse_filter(where)
    lock = store.removals.lock()
    try:
        for removal in store.removals.unfinished():
            _carry_out(store, removal)
        ids = {*store.frame().filter(condition.to_polars())["trace_id"].to_list(), *store.find_attempts(condition)}
        if not ids:
            raise InputError(f"no trace of {store.path} matches {condition}: nothing was taken down")
        return _carry_out(store, store.removals.begin(str(condition), reason, store.version(), ids))
    finally:
        lock.release()


def finish_takedowns(store: Store) -> list[Removal]:
    """Finish what killed takedowns left; none is the usual case.

    Raises:
        StoreError: another takedown is at work, or the disk is full.
    """
    lock = store.removals.lock()
    try:
        return [_carry_out(store, removal) for removal in store.removals.unfinished()]
    finally:
        lock.release()


def _carry_out(store: Store, removal: Removal) -> Removal:
    # Releases first: from now on no reader gives the traces out, however long the cutting takes.
    withdrawn = _withdraw(store, removal)
    reach(RemovalPoint.RELEASES_YANKED)
    store.removals.cut(removal)
    return store.removals.finish(removal, withdrawn.releases, withdrawn.unreachable)


@dataclass(frozen=True)
class _Withdrawn:
    releases: list[str] = field(default_factory=list[str])
    unreachable: list[str] = field(default_factory=list[str])


def _withdraw(store: Store, removal: Removal) -> _Withdrawn:
    """Every registered release; one that is being made is waited for, and one that begins later sees the record."""
    done = _Withdrawn()
    ids = set(removal.trace_ids)
    for name in registered_names(store.path):
        with lock_name(store.path, name):
            for entry in settle_name(store.path, name):
                _withdraw_one(entry, entry.directory(store.path), ids, removal.reason, done)
    return done


def _withdraw_one(
    entry: RegisteredRelease, directory: Path, ids: Collection[str], reason: str, done: _Withdrawn
) -> None:
    label = f"{entry.name}@{entry.version}"
    try:
        if entry.is_elsewhere:
            raise MissingInputError(f"{label} lies on {entry.host}")
        held = _held_ids(directory, ids)
        if held:
            add_takedown(directory, reason, held)
            done.releases.append(label)
    except TracewrightError:
        done.unreachable.append(label)


def _held_ids(directory: Path, ids: Collection[str]) -> set[str]:
    paths = [file.path for file in read_manifest(directory).files if file.path.startswith(f"{DATA}/")]
    try:
        tables = [pq.read_table(directory / path, columns=["trace_id"]) for path in paths]
    except (OSError, ValueError) as error:
        raise InputError(f"{directory} can't be read: {error}") from error
    return {trace_id for table in tables for trace_id in table["trace_id"].to_pylist() if trace_id in ids}
