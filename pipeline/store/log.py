"""A table's Delta log, read commit by commit: which files each version has, without loading one version after another.

Every commit stays in the log as long as the store does (`table._CONFIGURATION`), so that reading 5,000 small files is
what it takes; checkpoints are for opening the newest version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracewright.pipeline.store.disk import explain_disk_errors
from tracewright.schemas.errors import StoreError

LOG_FOLDER = "_delta_log"
_COMMITS = "[0-9]" * 20 + ".json"


@dataclass(frozen=True)
class LoggedVersion:
    """One version of a table."""

    version: int
    committed_at: datetime
    files: frozenset[str]
    """The names of its shards, as the log has them."""


def read_versions(folder: Path) -> Iterator[LoggedVersion]:
    """Every version of the table in a folder, the oldest first.

    Raises:
        StoreError: a commit is missing or can't be read, so that nobody can say which files are needed.
    """
    files: set[str] = set()
    for expected, path in enumerate(sorted((folder / LOG_FOLDER).glob(_COMMITS))):
        if int(path.stem) != expected:
            raise StoreError(f"commit {expected} is missing in {folder / LOG_FOLDER}: restore the log from a copy")
        moment = datetime.fromtimestamp(0, UTC)
        for action in _read_actions(path):
            if (added := action.get("add")) is not None:
                files.add(added["path"])
            elif (removed := action.get("remove")) is not None:
                files.discard(removed["path"])
            elif (info := action.get("commitInfo")) is not None:
                moment = datetime.fromtimestamp(info["timestamp"] / 1000, UTC)
        yield LoggedVersion(expected, moment, frozenset(files))


def added_files(folder: Path, version: int) -> set[str]:
    """The names of the shards that one commit added."""
    path = folder / LOG_FOLDER / f"{version:020d}.json"
    return {added["path"] for action in _read_actions(path) if (added := action.get("add")) is not None}


def _read_actions(path: Path) -> list[dict[str, Any]]:
    with explain_disk_errors(path, "reading"):
        text = path.read_text(encoding="utf-8")
    try:
        return [json.loads(line) for line in text.splitlines() if line]
    except ValueError as error:
        raise StoreError(f"{path} is not a commit of the log ({error}): restore it from a copy") from error
