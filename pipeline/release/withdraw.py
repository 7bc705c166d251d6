"""Withdrawing a release, and what it says about itself."""

from __future__ import annotations

from collections.abc import Collection
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

    def lines(self) -> list[tuple[str, str]]:
        """Label and value of what a person wants to know first."""
        manifest = self.manifest
        choices = [f"slice {manifest.slice}" if manifest.slice else "no slice"]
        choices.append(f"filter {manifest.where}" if manifest.where else "no filter")
        shares = [f"{split} {rows:,}" for split, rows in manifest.splits.items()]
        return [
            ("release", f"{manifest.name}@{manifest.version}"),
            ("withdrawn", f"{self.yanked.yanked_at:%Y-%m-%d}: {self.yanked.reason}" if self.yanked else "no"),
            ("created at", manifest.created_at.isoformat()),
            ("rows", f"{manifest.rows:,} ({', '.join(shares)}), {manifest.problems:,} problems"),
            ("outcomes", _join(manifest.outcomes)),
            ("steps", _join(manifest.checks)),
            ("teachers", ", ".join(f"{share.teacher.model} {share.traces:,}" for share in manifest.teachers)),
            ("sources", _join(manifest.sources)),
            ("licences", _join(manifest.licenses)),
            ("made from", f"version {manifest.store_version} of the store, {', '.join(choices)}"),
            ("digest", manifest.digest),
        ]


def yank_release(directory: Path, reason: str) -> Tombstone:
    """Withdraw a release: readers refuse it from now on and give the reason. Its files stay as they are.

    Raises:
        InputError: the reason is empty or too long, or the release was withdrawn before.
        MissingInputError: there is no release.
        StoreError: the tombstone can't be written.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    reason = check_reason(reason)
    if (earlier := read_tombstone(directory)) is not None:
        raise InputError(
            f"{manifest.name}@{manifest.version} was withdrawn on {earlier.yanked_at:%Y-%m-%d} already, because: "
            f"{earlier.reason}"
        )
    tombstone = Tombstone(reason=reason, yanked_at=datetime.now(UTC))
    _write(directory, tombstone)
    return tombstone


def add_takedown(directory: Path, reason: str, trace_ids: Collection[str]) -> Tombstone:
    """Withdraw a release because traces of it were taken down; one that is withdrawn already gets a fuller tombstone.

    Raises:
        MissingInputError: there is no release.
        IntegrityError: its manifest or tombstone is damaged.
        StoreError: the tombstone can't be written.
    """
    read_manifest(directory)
    earlier = read_tombstone(directory)
    if earlier is not None and set(trace_ids) <= set(earlier.trace_ids):
        return earlier
    ids = sorted({*trace_ids, *(earlier.trace_ids if earlier else ())})
    tombstone = Tombstone(
        reason=f"{earlier.reason}; {reason}" if earlier and reason not in earlier.reason else reason,
        yanked_at=earlier.yanked_at if earlier else datetime.now(UTC),
        trace_ids=tuple(ids),
    )
    _write(directory, tombstone)
    return tombstone


def check_reason(reason: str) -> str:
    """The reason without white space around it.

    Raises:
        InputError: it is empty or too long.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_CHARS:
        raise InputError(
            f"the reason has {len(reason)} characters: give 1 to {MAX_REASON_CHARS} that a reader understands"
        )
    return reason


def show_release(directory: Path) -> ReleaseFacts:
    """The facts of a release, withdrawn or not; its files are not read.

    Raises:
        MissingInputError: there is no release.
        IntegrityError: its manifest or tombstone is damaged.
    """
    directory = Path(directory)
    return ReleaseFacts(read_manifest(directory), read_tombstone(directory))


def _write(directory: Path, tombstone: Tombstone) -> None:
    path = directory / TOMBSTONE
    with explain_disk_errors(path, "writing"):
        replace_file(path, (tombstone.model_dump_json(indent=2) + "\n").encode())


def _join(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
