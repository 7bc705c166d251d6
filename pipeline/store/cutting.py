"""Taking rows out of every version of a table."""

# pyarrow.compute makes its functions when it is imported, so that a type checker knows none of them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tracewright.pipeline.store.commits import ShardCommitter, until_committed
from tracewright.pipeline.store.disk import explain_disk_errors, sync_folder, write_durably
from tracewright.pipeline.store.failpoints import RemovalPoint, reach
from tracewright.pipeline.store.locks import COMMIT_LOCK, hold
from tracewright.pipeline.store.log import read_versions
from tracewright.pipeline.store.parquet import encode_shard
from tracewright.pipeline.store.reading import read_columns, read_shard
from tracewright.pipeline.store.removals import OWNER, RemovalRecords, Replacement
from tracewright.pipeline.store.table import ModelTable, StoredFile, explain_delta_errors

CUTTER = "takedown"
_HASH_HEX_DIGITS = 16


def cut_table(table: ModelTable[Any], ids: Collection[str], records: RemovalRecords, locks: Path) -> None:
    """Take every row of these traces out of every version of the table. Writers wait meanwhile.

    What a killed takedown did of it is not done again.

    Raises:
        StoreError: the disk is full or a shard can't be read; what was not cut yet is as it was.
    """
    with hold(locks / COMMIT_LOCK), explain_delta_errors(table.path, "cutting rows out of"):
        ShardCommitter(table, CUTTER).sweep()
        logged = {name for version in read_versions(table.path) for name in version.files}
        _replace(table, logged, ids, records)
        reach(RemovalPoint.ROWS_CUT)
        until_committed(lambda: _commit(table, records))
        reach(RemovalPoint.CUT_COMMITTED)
        _delete(table, logged, ids, records)
        reach(RemovalPoint.CUT_DELETED)


def _replace(table: ModelTable[Any], logged: Collection[str], ids: Collection[str], records: RemovalRecords) -> None:
    known = records.replacements(table.kind.folder)
    in_use = (logged - known.keys()) | {now.path for now in known.values() if now is not None}
    holding = [name for name in sorted(in_use) if _holds(table, name, ids)]
    records.add_replacements(table.kind.folder, {name: _cut(table, name, ids) for name in holding})


def _holds(table: ModelTable[Any], name: str, ids: Collection[str]) -> bool:
    path = table.path / name
    # A file that vacuum removed is in the log and not on the disk.
    return path.exists() and not ids.isdisjoint(_owners(table, path))


def _owners(table: ModelTable[Any], path: Path) -> list[str]:
    return read_columns(StoredFile(path, 0, 0), [OWNER], table.kind)[OWNER].to_pylist()


def _cut(table: ModelTable[Any], name: str, ids: Collection[str]) -> Replacement | None:
    """The file without the rows, under a name that no writer's sweep takes for its own."""
    rows = read_shard(StoredFile(table.path / name, 0, 0), table.kind)
    kept = rows.filter(pc.invert(pc.is_in(rows[OWNER], value_set=pa.array(sorted(ids), pa.string()))))
    if kept.num_rows == 0:
        return None
    data = encode_shard(kept)
    digest = hashlib.sha256(data).hexdigest()[:_HASH_HEX_DIGITS]
    path = table.path / f"{name.removesuffix('.parquet')}.cut-{digest}.parquet"
    write_durably(path, memoryview(data))
    return Replacement(path=path.name, rows=kept.num_rows, size_bytes=data.size)


def _commit(table: ModelTable[Any], records: RemovalRecords) -> None:
    committer = ShardCommitter(table, CUTTER)
    known = records.replacements(table.kind.folder)
    old = [file for file in table.list_logged_files(committer.delta) if file.path.name in known]
    new = (known[file.path.name] for file in old)
    if old:
        committer.swap(old, [table.stored_file(now) for now in new if now is not None])


def _delete(table: ModelTable[Any], logged: Collection[str], ids: Collection[str], records: RemovalRecords) -> None:
    """The old files, and what killed writers left uncommitted that holds one of the rows."""
    known = records.replacements(table.kind.folder)
    in_use = (logged - known.keys()) | {now.path for now in known.values() if now is not None}
    with explain_disk_errors(table.path, "deleting from"):
        for path in _strangers(table.path, in_use):
            if path.name in known or not ids.isdisjoint(_owners(table, path)):
                path.unlink(missing_ok=True)
        sync_folder(table.path)


def _strangers(folder: Path, in_use: Collection[str]) -> Iterable[Path]:
    return [path for path in sorted(folder.glob("*.parquet")) if path.name not in in_use]
