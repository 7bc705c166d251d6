"""Takedowns: traces that leave every version of a store, `STORE/removals/`, and what stays on record of them.

A takedown is written down first, with the ids; from then on no writer adds one of them. Then every shard of every
version that holds one is written again without its rows, and `replaced.json` says which file stands for which from now
on, so that older versions can still be read. Then the newest version is committed with the new files, and the old ones
are deleted. Each of these can be done again, so that a takedown that was killed anywhere is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, ValidationError

from tracewright.pipeline.store.disk import make_folder, write_durably
from tracewright.schemas.base import Count, Frozen, Timestamp
from tracewright.schemas.errors import StoreError, in_one_line

FOLDER = "removals"
OWNER = "trace_id"
"""The column that says which trace a row belongs to."""
_RECORDS = "[0-9a-f]" * 24 + ".json"
_REPLACED = "replaced.json"


class Removal(Frozen):
    """One takedown."""

    removal_id: str
    where: str
    reason: str = Field(min_length=1)
    store_version: Count
    """The version in which the filter found the traces."""
    trace_ids: tuple[str, ...]
    """Sorted; of traces, and of attempts that did not become one."""
    started_at: Timestamp
    finished_at: Timestamp | None = None
    """None: it is under way or was killed."""
    releases: tuple[str, ...] = ()
    """`NAME@VERSION` of the releases that held one of them and were withdrawn."""
    unreachable: tuple[str, ...] = ()
    """Releases that were not where the register says, or can't be read: nobody knows what they hold."""


class Replacement(Frozen):
    """The file that stands for one that held removed rows."""

    path: str
    rows: Count
    size_bytes: Count


class _Replaced(Frozen):
    tables: dict[str, dict[str, Replacement | None]] = {}
    """Table → file → what stands for it; None where nothing of it is left."""


class RemovalRecords:
    """The takedowns of one store, on its disk."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER

    def read(self) -> list[Removal]:
        """Every takedown, the oldest first.

        Raises:
            StoreError: a record can't be read.
        """
        removals = map(_read, self._folder.glob(_RECORDS))
        return sorted(removals, key=lambda removal: (removal.started_at, removal.removal_id))

    def write(self, removal: Removal) -> None:
        """Keep the record, over an older state of it."""
        make_folder(self._folder)
        path = self._folder / f"{removal.removal_id}.json"
        write_durably(path, (removal.model_dump_json(indent=1) + "\n").encode())

    def replacements(self, table: str) -> dict[str, Replacement | None]:
        """What stands for which file of a table."""
        return self._read_replaced().tables.get(table, {})

    def add_replacements(self, table: str, added: dict[str, Replacement | None]) -> None:
        """Let files stand for others; one that stood for an older file and is replaced itself hands that on."""
        if not added:
            return
        make_folder(self._folder)
        replaced = self._read_replaced().tables
        known = {
            old: added.get(now.path, now) if now is not None else None for old, now in replaced.get(table, {}).items()
        }
        whole = _Replaced(tables={**replaced, table: {**known, **added}})
        write_durably(self._folder / _REPLACED, (whole.model_dump_json() + "\n").encode())

    def _read_replaced(self) -> _Replaced:
        path = self._folder / _REPLACED
        return _Replaced.model_validate_json(path.read_bytes()) if path.exists() else _Replaced()


class RemovedIds:
    """The ids that no writer may add again; looks for new takedowns each time it is asked."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._seen: set[str] = set()
        self._ids: set[str] = set()

    def find(self) -> set[str]:
        """All of them."""
        for path in self._folder.glob(_RECORDS):
            if path.name not in self._seen:
                self._ids.update(_read(path).trace_ids)
                self._seen.add(path.name)
        return self._ids


def unfinished(removals: Iterable[Removal]) -> list[Removal]:
    """Those that are under way or were killed."""
    return [removal for removal in removals if removal.finished_at is None]


def _read(path: Path) -> Removal:
    try:
        return Removal.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise StoreError(
            f"{path} is not the record of a takedown: {in_one_line(error)}: restore it from a copy"
        ) from error
