"""A store keeps what it is given, once, and gives it back as it was at any version."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.store import ShardLimits, Store
from tracewright.pipeline.store.store import TRACES
from tracewright.pipeline.store.table import ModelTable
from tracewright.schemas import (
    SCHEMA_VERSION,
    Attempt,
    InputError,
    MissingInputError,
    Rejection,
    SchemaVersionError,
    StoreError,
    Trace,
    from_table,
    to_table,
)
from tracewright.schemas.arrow import VERSION_KEY

NOBODY = 65534


def fill(store: Store, traces: list[Trace], limits: ShardLimits | None = None) -> int:
    with store.writer(limits=limits) as writer:
        return sum(writer.add_trace(trace) for trace in traces)


def test_traces_come_back_as_they_went_in(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(30, samples=2)
    assert fill(store, traces) == 60
    assert list(store.iter_traces()) == traces
    assert from_table(Trace, store.read_table()) == traces
    assert store.trace_ids() == {trace.trace_id for trace in traces}


def test_writers_that_make_one_table_at_the_same_moment_all_find_it(tmp_path: Path) -> None:
    def make(table: ModelTable[Trace]) -> None:
        together.wait()
        table.create()

    with ThreadPoolExecutor(4) as pool:
        for place in range(20):
            together = Barrier(4)
            tables = [ModelTable(tmp_path / str(place), TRACES) for _ in range(4)]
            list(pool.map(make, tables))
            assert [table.load().version() for table in tables] == [0] * 4


def test_running_again_adds_nothing(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(10)
    fill(store, traces)
    version = store.version()
    assert fill(store, traces) == 0
    assert fill(store, [*traces, *traces]) == 0
    assert store.version() == version


def test_one_writer_ignores_what_it_was_given_before(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    (trace,) = plant_traces(1)
    with store.writer() as writer:
        assert writer.add_trace(trace)
        assert writer.has_trace(trace.trace_id)
        assert not writer.add_trace(trace)
        writer.flush()
        assert not writer.add_trace(trace)
    assert len(list(store.iter_traces())) == 1


def test_shards_are_committed_at_the_limit_of_rows(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(25)
    with store.writer(limits=ShardLimits(rows=10)) as writer:
        for trace in traces:
            writer.add_trace(trace)
        assert len(store.trace_ids()) == 20
    assert store.version() == 3


def test_shards_are_committed_at_the_limit_of_bytes(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    fill(store, plant_traces(200), ShardLimits(size_bytes=1))
    assert store.version() > 2


def test_shards_are_committed_at_the_limit_of_seconds(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    fill(store, plant_traces(3), ShardLimits(seconds=0.0))
    assert store.version() == 3


def test_what_was_added_is_stored_when_the_run_is_interrupted(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    with pytest.raises(KeyboardInterrupt), store.writer() as writer:
        for trace in plant_traces(3):
            writer.add_trace(trace)
        raise KeyboardInterrupt
    assert len(store.trace_ids()) == 3


def test_every_version_can_be_read_again(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(30)
    fill(store, traces, ShardLimits(rows=10))
    assert list(store.iter_traces(version=0)) == []
    assert list(store.iter_traces(version=2)) == traces[:20]
    assert store.frame(version=1)["trace_id"].to_list() == [trace.trace_id for trace in traces[:10]]
    assert store.read_table(version=0).num_rows == 0
    assert [commit.version for commit in store.history()] == [3, 2, 1, 0]


def test_a_version_knows_when_it_was_committed(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    fill(store, plant_traces(1))
    first = store.committed_at(1)
    assert before <= first <= datetime.now(UTC)
    fill(store, plant_traces(2))
    assert store.committed_at(1) == first <= store.committed_at(2)
    assert store.history()[1].committed_at == first


def test_a_version_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="versions 0 to 0, not 7"):
        store.frame(version=7)


def test_attempts_and_rejections_are_kept_beside_the_traces(
    store: Store,
    plant_traces: Callable[..., list[Trace]],
    make_attempt: Callable[..., Attempt],
    make_rejection: Callable[[str], Rejection],
) -> None:
    trace, other = plant_traces(2)
    attempts = [make_attempt(trace), make_attempt(trace, max_tokens=7), make_attempt(other)]
    for added in (3, 0):
        with store.writer() as writer:
            assert sum(writer.add_attempt(attempt) for attempt in attempts) == added
            assert writer.add_rejection(make_rejection("a")) == bool(added)
            assert not writer.add_rejection(make_rejection("a"))
    assert list(store.attempts()) == attempts
    assert list(store.rejections()) == [make_rejection("a")]
    assert store.attempt_ids() == {trace.trace_id, other.trace_id}
    assert store.trace_ids() == set()


def test_an_attempt_may_become_a_trace_later(
    store: Store, plant_traces: Callable[..., list[Trace]], make_attempt: Callable[..., Attempt]
) -> None:
    (trace,) = plant_traces(1)
    with store.writer() as writer:
        writer.add_attempt(make_attempt(trace))
        assert writer.add_trace(trace)
    assert store.trace_ids() == store.attempt_ids() == {trace.trace_id}


def test_one_teachers_traces_are_known_by_its_fingerprint(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    trace, other = plant_traces(2)
    teacher = trace.teacher.model_copy(update={"fingerprint": "another"})
    fill(store, [trace, other.model_copy(update={"teacher": teacher})])
    assert store.trace_ids("another") == {other.trace_id}
    assert store.trace_ids(trace.teacher.fingerprint) == {trace.trace_id}


def test_arrow_tables_are_added_like_models(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(20)
    fill(store, traces[:5])
    with store.writer() as writer:
        assert writer.add_table(to_table(Trace, [*traces, traces[7]])) == 15
        assert writer.add_table(to_table(Trace, traces)) == 0
    assert list(store.iter_traces()) == traces
    assert store.version() == 2
    assert store.frame()["chars"].to_list() == [len(trace.text) for trace in traces]


def test_a_large_table_becomes_several_shards(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(25)
    with store.writer(limits=ShardLimits(rows=10)) as writer:
        assert writer.add_table(to_table(Trace, traces)) == 25
    assert store.version() == 3
    assert list(store.iter_traces()) == traces


def test_a_table_with_other_columns_is_refused(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    table = to_table(Trace, plant_traces(2))
    with store.writer() as writer:
        with pytest.raises(InputError, match="answer"):
            writer.add_table(table.drop_columns(["answer"]))
        with pytest.raises(InputError, match="have no `trace_id`"):
            writer.add_table(table.set_column(0, table.schema.field(0), [[None, "x"]]))


def test_named_columns_are_read_alone(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(5)
    fill(store, traces)
    table = store.read_table(columns=["verdict.outcome", "trace_id", "min_step_confidence"])
    assert table.column_names == ["verdict.outcome", "trace_id", "min_step_confidence"]
    assert table["verdict.outcome"].to_pylist() == [trace.verdict.outcome for trace in traces]
    with pytest.raises(InputError, match="no column 'color'"):
        store.read_table(columns=["color"])


def test_a_filter_chooses_the_traces_that_are_read(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(60)
    fill(store, traces, ShardLimits(rows=25))
    where = parse_filter('outcome == "correct" and level between 2 and 3')
    wanted = [trace for trace in traces if trace.verdict.outcome == "correct" and trace.problem.level in (2, 3)]
    assert 0 < len(wanted) < 60
    assert list(store.iter_traces(where=where)) == wanted


def test_exported_lines_hold_whole_traces(
    store: Store, plant_traces: Callable[..., list[Trace]], tmp_path: Path
) -> None:
    traces = plant_traces(5)
    fill(store, traces)
    out = tmp_path / "traces.jsonl"
    assert store.export(out).traces == 5
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [list(row)[:7] for row in rows] == [
        ["trace_id", "problem_id", "sample", "prompt", "text", "steps", "answer"]
    ] * 5
    assert [row["outcome"] for row in rows] == [trace.verdict.outcome for trace in traces]
    whole = [{name: row[name] for name in Trace.model_fields} for row in rows]
    assert [Trace.model_validate_json(json.dumps(row)) for row in whole] == traces
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["traces.jsonl"]


def test_an_unknown_export_format_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'xml': there is jsonl"):
        store.export(tmp_path / "out", format="xml")


def test_shards_are_zstd_in_small_groups_and_name_their_schema(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    fill(store, plant_traces(40, samples=30), ShardLimits(rows=10_000))
    (shard,) = (store.path / "traces").glob("*.parquet")
    footer = pq.read_metadata(shard)
    assert {footer.row_group(group).num_rows for group in range(footer.num_row_groups)} == {500, 200}
    assert footer.row_group(0).column(0).compression == "ZSTD"
    assert int(footer.metadata[VERSION_KEY]) == SCHEMA_VERSION


def test_numbers_and_texts_are_encoded_by_what_they_hold(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    fill(store, plant_traces(20, samples=2))
    (shard,) = (store.path / "traces").glob("*.parquet")
    group = pq.read_metadata(shard).row_group(0)
    encodings = {column.path_in_schema: column.encodings for column in map(group.column, range(group.num_columns))}
    expected = {
        "token_logprobs.list.element": "BYTE_STREAM_SPLIT",
        "steps.list.element.token_span.start": "DELTA_BINARY_PACKED",
        "steps.list.element.text": "DELTA_LENGTH_BYTE_ARRAY",
        "problem.question": "RLE_DICTIONARY",
        "metadata.key_value.key": "RLE_DICTIONARY",
    }
    assert {path: encoding for path, encoding in expected.items() if encoding not in encodings[path]} == {}


def test_a_missing_store_is_refused_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="tracewright generate"):
        Store.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_store_of_a_newer_schema_is_refused(store: Store) -> None:
    marker = store.path / "store.json"
    marker.write_text(marker.read_text().replace(f": {SCHEMA_VERSION}}}", f": {SCHEMA_VERSION + 1}}}"))
    for create in (False, True):
        with pytest.raises(SchemaVersionError, match=f"schema version {SCHEMA_VERSION + 1}.*upgrade tracewright"):
            Store.open(store.path, create=create)


def test_a_shard_of_a_newer_schema_is_refused(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    fill(store, plant_traces(1))
    (shard,) = (store.path / "traces").glob("*.parquet")
    table = pq.read_table(shard)
    pq.write_table(table.replace_schema_metadata({VERSION_KEY: str(SCHEMA_VERSION + 1).encode()}), shard)
    with pytest.raises(SchemaVersionError):
        list(store.iter_traces())


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match=r"thesis\.tex"):
        Store.open(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_broken_marker_is_refused(store: Store) -> None:
    (store.path / "store.json").write_text("{")
    with pytest.raises(StoreError, match="not a store's marker"):
        Store.open(store.path)


def test_a_torn_shard_is_named(store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    fill(store, plant_traces(5))
    (shard,) = (store.path / "traces").glob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(StoreError, match=shard.name):
        list(store.iter_traces())
    shard.unlink()
    with pytest.raises(StoreError, match=shard.name):
        store.frame()


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A folder that this process can look into and not write to, root or not."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(NOBODY)
        yield folder
        os.seteuid(user)
        folder.chmod(0o755)


def test_an_unwritable_folder_is_refused_with_what_to_do(unwritable: Path) -> None:
    with pytest.raises(StoreError, match="choose a folder that can be written"):
        Store.open(unwritable / "store", create=True)
    with pytest.raises(StoreError, match="choose a folder that can be written"):
        Store.open(unwritable, create=True)


def test_a_store_with_other_columns_is_refused_for_writing(store: Store) -> None:
    log = store.path / "rejects" / "_delta_log" / "00000000000000000000.json"
    log.write_text(log.read_text().replace('\\"subject\\"', '\\"topic\\"'))
    with pytest.raises(StoreError, match="subject, topic"):
        store.writer()


def test_a_writer_needs_a_plain_name(store: Store) -> None:
    for name in ("", "../main", "A", "x" * 41):
        with pytest.raises(InputError, match="can't name a writer"):
            store.writer(name)
