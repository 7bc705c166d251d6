"""One Delta table of one model: what it holds, its versions, and the shards of each version."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from pydantic import BaseModel

from tracewright.pipeline.store.disk import (
    explain,
    explain_disk_errors,
    make_folder,
    sync_file,
    sync_folder,
    write_durably,
)
from tracewright.pipeline.store.facts import NO_FACTS, Facts
from tracewright.pipeline.store.failpoints import Failpoint, reach
from tracewright.pipeline.store.log import LOG_FOLDER
from tracewright.pipeline.store.objects import delta_options
from tracewright.pipeline.store.removals import RemovalRecords, Replacement
from tracewright.schemas.arrow import arrow_schema
from tracewright.schemas.errors import InputError, StoreError, TracewrightError

ModelT = TypeVar("ModelT", bound=BaseModel)

_GONE = "_vacuumed.json"
"""Delta and every Parquet reader ignore files that begin with an underscore."""
_KEEP = "interval 36500 days"
"""Old versions stay readable until something removes them on purpose: releases point at them."""
_CONFIGURATION = {"delta.logRetentionDuration": _KEEP, "delta.deletedFileRetentionDuration": _KEEP}


@dataclass(frozen=True)
class TableKind(Generic[ModelT]):
    """What a table holds: its folder's name, its model, the column that identifies a row, and its extra columns."""

    folder: str
    model: type[ModelT]
    key: str
    facts: Facts = NO_FACTS

    @property
    def schema(self) -> pa.Schema:
        """The stored columns: the model's, then the derived ones."""
        own = arrow_schema(self.model)
        return pa.schema([*own, *self.facts.fields], metadata=own.metadata)


@dataclass(frozen=True)
class StoredFile:
    """One shard of a version."""

    path: Path
    rows: int
    size_bytes: int


@dataclass(frozen=True)
class Commit:
    """One version of a table."""

    version: int
    committed_at: datetime
    operation: str


class ModelTable(Generic[ModelT]):
    """A Delta table in a folder of the store. Nothing is kept between calls: each looks at the log as it is now."""

    def __init__(self, root: Path, kind: TableKind[ModelT]) -> None:
        self.kind = kind
        self.path = root / kind.folder
        self._removals = RemovalRecords(root)

    def exists(self) -> bool:
        """Whether the table was made."""
        return DeltaTable.is_deltatable(str(self.path), delta_options(self.path))

    def create(self) -> None:
        """Make the table, without rows, where it is not there yet.

        Raises:
            StoreError: it can't be made, or it is there with other columns than this tracewright writes.
        """
        if self.exists():
            return self._check_columns()
        make_folder(self.path)
        with explain_delta_errors(self.path, "creating the table"):
            schema = Schema.from_arrow(self.kind.schema.remove_metadata())
            options: dict[str, Any] = {"configuration": _CONFIGURATION, "storage_options": delta_options(self.path)}
            once = CommitProperties(max_commit_retries=0)
            try:
                DeltaTable.create(str(self.path), schema=schema, mode="ignore", commit_properties=once, **options)
            except CommitFailedError:
                # Delta looks whether the table is there and then makes it: of two at once, one fails, or makes it again
                # on top of the first where it may try twice.
                if not self.exists():
                    raise
                self._check_columns()
            self.sync_log(0)
        reach(Failpoint.TABLE_CREATED)

    def load(self, version: int | None = None) -> DeltaTable:
        """The Delta table at a version, or at the newest one.

        Raises:
            InputError: there is no such version.
            StoreError: the log can't be read.
        """
        with explain_delta_errors(self.path, "reading the table"):
            table = DeltaTable(str(self.path), storage_options=delta_options(self.path))
            if version is None or version == table.version():
                return table
            if not 0 <= version <= table.version():
                raise InputError(f"{self.path} has versions 0 to {table.version()}, not {version}: name one of these")
            if version in self.gone():
                raise InputError(
                    f"version {version} of {self.path} can't be read any more: `store vacuum` deleted its files, since "
                    "no release points to it; `store history` lists the versions that are left"
                )
            return DeltaTable(str(self.path), version=version, storage_options=delta_options(self.path))

    def files(self, version: int | None = None) -> tuple[StoredFile, ...]:
        """The shards of a version, in the order in which their rows are read."""
        return self.list_files(self.load(version))

    def list_files(self, table: DeltaTable) -> tuple[StoredFile, ...]:
        """The shards of a loaded version, by name: the same order every time.

        Where rows were taken down, the file that stands for the logged one.
        """
        logged = self.list_logged_files(table)
        replaced = self._removals.replacements(self.kind.folder)
        if not replaced:
            return logged
        standing = [replaced.get(file.path.name, file) for file in logged]
        files = (self.stored_file(file) if isinstance(file, Replacement) else file for file in standing if file)
        return tuple(sorted(files, key=lambda file: file.path.name))

    def stored_file(self, replacement: Replacement) -> StoredFile:
        """A file that stands for another one."""
        return StoredFile(self.path / replacement.path, replacement.rows, replacement.size_bytes)

    def list_logged_files(self, table: DeltaTable) -> tuple[StoredFile, ...]:
        """The shards of a loaded version as its log has them, by name."""
        # Not `pa.table`, which would import pandas to see whether it is given a frame: a quarter of a second.
        actions = pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()
        actions = actions.select(["path", "num_records", "size_bytes"])
        rows = sorted(zip(*(column.to_pylist() for column in actions.columns), strict=True))
        return tuple(StoredFile(self.path / name, rows, size) for name, rows, size in rows)

    def history(self) -> list[Commit]:
        """Every version, the newest first."""
        return [_to_commit(entry) for entry in self.load().history()]

    def committed_at(self, version: int) -> datetime:
        """When the version was committed, in UTC, to the millisecond.

        Raises:
            InputError: there is no such version.
            StoreError: the log can't be read.
        """
        # `DeltaTable.history(1)` gives the newest commit whatever version is loaded, and all of them take a while.
        self.load(version)
        path = self._commit_path(version)
        with explain_disk_errors(path, "reading"):
            actions = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        (info,) = [action["commitInfo"] for action in actions if "commitInfo" in action]
        return _to_moment(info["timestamp"])

    def gone(self) -> set[int]:
        """The versions whose files vacuum deleted."""
        path = self._gone_path()
        with explain_disk_errors(path, "reading"):
            return set(json.loads(path.read_text(encoding="utf-8"))["gone"]) if path.exists() else set()

    def record_gone(self, versions: Sequence[int]) -> None:
        """Keep which versions can't be read any more."""
        write_durably(self._gone_path(), (json.dumps({"gone": list(versions)}) + "\n").encode())

    def _gone_path(self) -> Path:
        return self.path / _GONE

    def sync_log(self, version: int) -> None:
        """Make a commit durable: delta-rs does not sync what it writes."""
        path = self._commit_path(version)
        sync_file(path)
        sync_folder(path.parent)

    def _commit_path(self, version: int) -> Path:
        return self.path / LOG_FOLDER / f"{version:020d}.json"

    def _check_columns(self) -> None:
        stored = set(pa.schema(self.load().schema().to_arrow()).names)
        expected = set(self.kind.schema.names)
        if stored != expected:
            differing = ", ".join(sorted(stored ^ expected))
            raise StoreError(
                f"{self.path} has other columns than this tracewright writes ({differing}): if an older one made it, "
                f"run `tracewright store migrate {self.path.parent}`; otherwise use the one that made it"
            )


@contextmanager
def explain_delta_errors(path: Path, doing: str) -> Generator[None]:
    """Turn an error of Delta or of the disk into a `StoreError` that says what to do."""
    try:
        yield
    except TracewrightError:
        raise
    except (DeltaError, OSError) as error:
        raise StoreError(explain(error, path, doing)) from error


def _to_commit(entry: dict[str, Any]) -> Commit:
    return Commit(entry["version"], _to_moment(entry["timestamp"]), entry.get("operation", ""))


def _to_moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
