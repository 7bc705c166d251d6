"""Withdrawing a release, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tracewright.pipeline.release.layout import TOMBSTONE, replace_file
from tracewright.pipeline.release.manifest import read_manifest, read_tombstone
from tracewright.pipeline.store.disk import explain_disk_errors
from tracewright.schemas.errors import InputError
from tracewright.schemas.release import ReleaseManifest, Tombstone

MAX_REASON_CHARS = 2_000


@dataclass(frozen=True)
class ReleaseFacts:
    """A release as `release show` prints it."""

    manifest: ReleaseManifest
    yanked: Tombstone | None


def yank_release(directory: Path, reason: str) -> Tombstone:
    """Withdraw a release: readers refuse it from now on and give the reason. Its files stay as they are.

    Raises:
        InputError: the reason is empty or too long, or the release was withdrawn before.
        MissingInputError: there is no release.
        StoreError: the tombstone can't be written.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_CHARS:
        raise InputError(
            f"the reason has {len(reason)} characters: give 1 to {MAX_REASON_CHARS} that a reader understands"
        )
    if (earlier := read_tombstone(directory)) is not None:
        raise InputError(
            f"{manifest.name}@{manifest.version} was withdrawn on {earlier.yanked_at:%Y-%m-%d} already, because: "
            f"{earlier.reason}"
        )
    tombstone = Tombstone(reason=reason, yanked_at=datetime.now(UTC))
    path = directory / TOMBSTONE
    with explain_disk_errors(path, "writing"):
        replace_file(path, (tombstone.model_dump_json(indent=2) + "\n").encode())
    return tombstone


def show_release(directory: Path) -> ReleaseFacts:
    """The facts of a release, withdrawn or not; its files are not read.

    Raises:
        MissingInputError: there is no release.
        IntegrityError: its manifest or tombstone is damaged.
    """
    directory = Path(directory)
    return ReleaseFacts(read_manifest(directory), read_tombstone(directory))
