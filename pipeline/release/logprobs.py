"""The teacher's likeliest tokens in a release: for each data file one with the same rows in the same order."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.release.layout import LOGPROBS, hash_file, sync
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.top_logprobs import SETTINGS_KEY, number_columns
from tracewright.schemas.release import ReleaseFile

_SPILL = "_logprobs"
_ROW_GROUP_ROWS = 500
_COMPRESSION_LEVEL = 3

_Place = tuple[int, int]


def carry_logprobs(store: Store, folder: Path, files: Sequence[ReleaseFile]) -> list[ReleaseFile]:
    """Write what the store keeps beside its shards for the rows of these data files; nothing where it keeps none.

    Where several teachers, or numbers of likeliest tokens, are among the rows, those that most rows have are carried. A
    row without them has nulls. Memory for 500 rows: the store's files are unpacked into the release's folder meanwhile.
    """
    wanted = {trace_id for file in files for trace_id in _read_ids(folder / file.path)}
    spill = folder / _SPILL
    try:
        spilled = _spill(store, spill, wanted)
        settings = Counter[bytes]()
        for table in spilled:
            settings[_settings(table)] += table.num_rows
        if not settings:
            return []
        ((chosen, _),) = settings.most_common(1)
        tables = [table for table in spilled if _settings(table) == chosen]
        (folder / LOGPROBS).mkdir()
        written = [_write(folder, file, tables) for file in files]
        sync(folder / LOGPROBS)
        return written
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _spill(store: Store, spill: Path, wanted: Collection[str]) -> list[pa.Table]:
    """The rows, unpacked and mapped into memory: single ones are then read without the rest."""
    spill.mkdir()
    tables: list[pa.Table] = []
    for number, rows in enumerate(store.top_logprobs.iter_tables(wanted)):
        path = spill / f"{number}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows.combine_chunks())
        tables.append(pa.ipc.open_file(pa.memory_map(str(path))).read_all())
    return tables


def _write(folder: Path, file: ReleaseFile, tables: Sequence[pa.Table]) -> ReleaseFile:
    places: dict[str, _Place] = {}
    for number, table in enumerate(tables):
        for row, trace_id in enumerate(table["trace_id"].to_pylist()):
            places[trace_id] = number, row
    path = f"{LOGPROBS}/{Path(file.path).name}"
    options: dict[str, Any] = {"use_dictionary": False, "use_byte_stream_split": number_columns(tables[0].schema)}
    schema = tables[0].schema
    with pq.ParquetWriter(
        folder / path, schema, compression="zstd", compression_level=_COMPRESSION_LEVEL, **options
    ) as writer:
        for ids in _iter_ids(folder / file.path):
            writer.write_table(_gather(ids, tables, places))
    sync(folder / path)
    return ReleaseFile(path=path, rows=file.rows, bytes=(folder / path).stat().st_size, sha256=hash_file(folder / path))


def _gather(ids: Sequence[str], tables: Sequence[pa.Table], places: dict[str, _Place]) -> pa.Table:
    """The rows of these traces, in this order."""
    found = sorted((*places[trace_id], at) for at, trace_id in enumerate(ids) if trace_id in places)
    missing = [at for at, trace_id in enumerate(ids) if trace_id not in places]
    schema, parts, order = tables[0].schema, list[pa.Table](), list[int]()
    for number, rows in groupby(found, key=lambda one: one[0]):
        own = list(rows)
        parts.append(tables[number].take(pa.array([row for _, row, _ in own], pa.int64())))
        order += [at for *_, at in own]
    empty: dict[str, Any] = {field.name: pa.nulls(len(missing), field.type) for field in schema}
    empty["trace_id"] = pa.array([ids[at] for at in missing], pa.string())
    parts.append(pa.table(empty, schema=schema))
    order += missing
    back = sorted(range(len(order)), key=order.__getitem__)
    return pa.concat_tables(parts).combine_chunks().take(pa.array(back, pa.int64()))


def _read_ids(path: Path) -> list[str]:
    return pq.read_table(path, columns=["trace_id"])["trace_id"].to_pylist()


def _iter_ids(path: Path) -> Iterator[list[str]]:
    for batch in pq.ParquetFile(path).iter_batches(_ROW_GROUP_ROWS, columns=["trace_id"]):
        yield batch.column("trace_id").to_pylist()


def _settings(table: pa.Table) -> bytes:
    return (table.schema.metadata or {})[SETTINGS_KEY]
