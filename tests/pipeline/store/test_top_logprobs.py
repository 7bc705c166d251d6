"""The likeliest tokens lie beside their shard, or not at all."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.release import take_down
from tracewright.pipeline.store import ShardLimits, Store, TopLogprobs, TopSettings, failpoints
from tracewright.pipeline.store.top_logprobs import hash_tokens
from tracewright.schemas import Trace
from tracewright.schemas.arrow import to_table

Plant = Callable[..., list[Trace]]
RUN = Path(__file__).with_name("top_logprobs_run.py")
_spec = importlib.util.spec_from_file_location("top_logprobs_run", RUN)
assert _spec and _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
make_row: Callable[..., TopLogprobs] = _module.make_row


def read(store: Store, *trace_ids: str) -> list[dict[str, Any]]:
    return [row for table in store.top_logprobs.iter_tables(trace_ids) for row in table.to_pylist()]


def test_a_shard_s_file_has_its_rows_in_its_order(plant_traces: Plant, tmp_path: Path) -> None:
    store, traces = Store.open(tmp_path, create=True), plant_traces(7)
    with store.writer(limits=ShardLimits(rows=4)) as writer:
        for place, trace in enumerate(traces):
            writer.add_trace(trace, top_logprobs=make_row([place, place + 1]) if place != 2 else None)
            writer.add_trace(trace, top_logprobs=make_row([9]))  # a second one of the same trace counts for nothing
    shards = sorted(store._tables.traces.files(), key=lambda file: file.path.name)
    assert [path.name for path in store.top_logprobs.files()] == [shard.path.name for shard in shards]
    for shard in shards:
        beside = pq.read_table(tmp_path / "logprobs" / shard.path.name)
        assert beside["trace_id"].to_pylist() == pq.read_table(shard.path)["trace_id"].to_pylist()
    (row,) = read(store, traces[3].trace_id)
    assert row["token_hash"] == hash_tokens([3, 4])
    assert row["top_tokens"] == [[3, 4, 5, 6], [4, 5, 6, 7]]
    assert np.allclose(row["top_logprobs"], np.log([[1 / 2, 1 / 4, 1 / 8, 1 / 16]] * 2), atol=2e-3)
    assert row["drawn_logprobs"] == [[row["top_logprobs"][0][0]]] * 2 and row["tail_mass"] == [[0.0625]] * 2
    assert read(store, traces[2].trace_id) == []


def test_types_and_encodings_are_those_of_the_design(plant_traces: Plant, tmp_path: Path) -> None:
    store, (trace,) = Store.open(tmp_path, create=True), plant_traces(1)
    with store.writer() as writer:
        writer.add_trace(trace, top_logprobs=make_row(list(range(20))))
    (path,) = store.top_logprobs.files()
    schema = pq.read_schema(path)
    assert schema.field("top_tokens").type == pa.list_(pa.list_(pa.uint32(), 4))
    assert schema.field("top_logprobs").type == pa.list_(pa.list_(pa.float16(), 4))
    assert b'"tokenizer_hash": "t"' in (schema.metadata or {})[b"tracewright.logprobs"]
    group = pq.ParquetFile(path).metadata.row_group(0)
    numbers = [group.column(index) for index in range(2, group.num_columns)]
    assert all("BYTE_STREAM_SPLIT" in one.encodings and one.compression == "ZSTD" for one in numbers)


def test_rows_that_come_as_arrow_bring_theirs_and_two_teachers_get_a_file_each(
    plant_traces: Plant, tmp_path: Path
) -> None:
    store, traces = Store.open(tmp_path, create=True), plant_traces(3)
    other = TopSettings(k=2, tokenizer_hash="u", vocabulary=30, teacher_revision="r")
    found = {traces[0].trace_id: make_row([1]), traces[1].trace_id: make_row([2, 3], other)}
    with store.writer() as writer:
        writer.add_scored(to_table(Trace, traces), [], found)
    assert len(store.top_logprobs.files()) == 2
    rows = read(store, *[trace.trace_id for trace in traces])
    assert {row["trace_id"]: len(row["top_tokens"][0]) for row in rows} == {
        traces[0].trace_id: 4,
        traces[1].trace_id: 2,
    }


KILLS = ["file.half-written@1", "file.half-written@2", "file.renamed@4", "shard.committed@2"]


@pytest.mark.parametrize("failpoint", KILLS)
def test_a_kill_leaves_no_file_without_its_shard(failpoint: str, plant_traces: Plant, tmp_path: Path) -> None:
    (tmp_path / "traces.jsonl").write_text("".join(trace.model_dump_json() + "\n" for trace in plant_traces(9)))
    Store.open(tmp_path / "store", create=True)
    command = [sys.executable, str(RUN), str(tmp_path / "store"), str(tmp_path / "traces.jsonl")]
    killed = subprocess.run(command, env=os.environ | {failpoints.VARIABLE: failpoint}, check=False)
    assert killed.returncode == -signal.SIGKILL
    store = Store.open(tmp_path / "store")
    shards = {file.path.name for file in store._tables.traces.files()}
    beside = {path.name for path in store.top_logprobs.path.glob("[0-9]*")}
    assert shards <= beside and len(beside - shards) <= 1, "committed shards have theirs; one more may be unfinished"
    subprocess.run(command, check=True)
    shards = {file.path.name for file in store._tables.traces.files()}
    assert {path.name for path in store.top_logprobs.path.iterdir()} == shards
    assert sorted(row["trace_id"] for row in read(store, *store.trace_ids())) == sorted(store.trace_ids())


def test_a_takedown_takes_them_too(plant_traces: Plant, tmp_path: Path) -> None:
    store, traces = Store.open(tmp_path, create=True), plant_traces(40)
    with store.writer(limits=ShardLimits(rows=10)) as writer:
        for place, trace in enumerate(traces):
            writer.add_trace(trace, top_logprobs=make_row([place]))
    removal = take_down(store, "level == 1", "asked for")
    assert 0 < len(removal.trace_ids) < 40
    left = {row["trace_id"] for row in read(store, *[trace.trace_id for trace in traces])}
    assert left == store.trace_ids() and left.isdisjoint(removal.trace_ids)
