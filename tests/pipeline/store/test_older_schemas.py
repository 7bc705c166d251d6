"""A store of an older schema is read as it is, and migrated once for writing.

Schema version 1 is the first, so the older one here is made up: version 0, in which `token_count` of a trace was called
`tokens`, `confidence_reason` did not exist, and nothing was derived. The stored bytes and the log are those that such a
version would have left; the way up is the one that a real version 2 will use.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.store import ShardLimits, Store, commits
from tracewright.pipeline.store.facts import TRACE_FACTS
from tracewright.schemas import SCHEMA_VERSION, SchemaVersionError, StoreError, Trace, arrow_schema, migrations
from tracewright.schemas.arrow import MODEL_KEY, VERSION_KEY

PlantTraces = Callable[..., list[Trace]]
OLD = 0


def to_old(table: pa.Table) -> pa.Table:
    derived = [field.name for field in TRACE_FACTS.fields]
    names = ["tokens" if name == "token_count" else name for name in table.drop_columns(derived).column_names]
    renamed = table.drop_columns(derived).rename_columns(names).drop_columns(["confidence_reason"])
    return renamed.replace_schema_metadata({VERSION_KEY: str(OLD).encode(), MODEL_KEY: b"Trace"})


def from_old(table: pa.Table) -> pa.Table:
    """What a migration is: from the columns of one version to those of the next."""
    if table.schema.metadata[MODEL_KEY] != b"Trace":
        return table
    names = ["token_count" if name == "tokens" else name for name in table.column_names]
    renamed = table.rename_columns(names)
    field = arrow_schema(Trace).field("confidence_reason")
    return renamed.append_column(field, pa.nulls(table.num_rows, field.type))


@pytest.fixture
def traces(plant_traces: PlantTraces) -> list[Trace]:
    return [trace.model_copy(update={"confidence_reason": None}) for trace in plant_traces(20)]


@pytest.fixture
def old(tmp_path: Path, traces: list[Trace], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that version 0 left, in two shards."""
    path = tmp_path / "old"
    store = Store.open(path, create=True)
    with store.writer(limits=ShardLimits(rows=10)) as writer:
        for trace in traces:
            writer.add_trace(trace)
    for shard in (path / "traces").glob("*.parquet"):
        pq.write_table(to_old(pq.read_table(shard)), shard, compression="zstd")
    for commit in sorted((path / "traces/_delta_log").glob("*.json")):
        commit.write_text(make_old(commit.read_text()))
    (path / "store.json").write_text(json.dumps({"format": "tracewright-store/1", "schema_version": OLD}))
    monkeypatch.setitem(migrations._MIGRATIONS, OLD, from_old)
    return path


def make_old(commit: str) -> str:
    lines = [json.loads(line) for line in commit.splitlines()]
    for action in lines:
        if (metadata := action.get("metaData")) is not None:
            schema = json.loads(metadata["schemaString"])
            gone = {"confidence_reason", *(field.name for field in TRACE_FACTS.fields)}
            schema["fields"] = [field for field in schema["fields"] if field["name"] not in gone]
            for field in schema["fields"]:
                field["name"] = "tokens" if field["name"] == "token_count" else field["name"]
            metadata["schemaString"] = json.dumps(schema)
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_an_older_store_is_read_as_if_it_were_new(old: Path, traces: list[Trace]) -> None:
    store = Store.open(old)
    assert list(store.iter_traces()) == traces
    assert list(store.iter_traces(1)) == traces[:10]
    assert store.read_table(columns=["token_count"])["token_count"].to_pylist() == [t.token_count for t in traces]
    frame = store.frame()
    assert frame["chars"].to_list() == [len(trace.text) for trace in traces]
    chosen = store.iter_traces(where=parse_filter("tokens > 40 and step_count > 1"))
    assert {trace.trace_id for trace in chosen} == {
        trace.trace_id for trace in traces if trace.token_count > 40 and len(trace.steps) > 1
    }


def test_an_older_store_is_not_written_before_it_is_migrated(old: Path) -> None:
    with pytest.raises(StoreError, match=r"\(.*confidence_reason.*tokens\).*`tracewright store migrate"):
        Store.open(old).writer()


def test_a_migrated_store_is_a_new_one_and_its_old_versions_can_be_read(
    old: Path, traces: list[Trace], plant_traces: PlantTraces
) -> None:
    store = Store.open(old)
    done = {upgrade.table: upgrade.shards for upgrade in store.migrate()}
    assert done == {"traces": 2, "attempts": 0, "rejects": 0}
    assert store.schema_version() == SCHEMA_VERSION
    assert store.migrate() == []
    assert list(store.iter_traces(1)) == traces[:10]
    more = plant_traces(5, seed=3)
    with store.writer() as writer:
        assert not any(writer.add_trace(trace) for trace in traces)
        assert all(writer.add_trace(trace) for trace in more)
    assert sorted(store.iter_traces(), key=by_id) == sorted([*traces, *more], key=by_id)
    footers = [pq.read_metadata(file.path).metadata for file in store._tables.traces.files()]
    assert {int(footer[VERSION_KEY]) for footer in footers} == {SCHEMA_VERSION}


def by_id(trace: Trace) -> str:
    return trace.trace_id


def test_a_migration_that_was_killed_is_done_again(
    old: Path, traces: list[Trace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for target, name in ((commits, "reach"), (Store, "_write_marker")):
        store = Store.open(shutil.copytree(old, tmp_path / name))
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(target, name, die)
            store.migrate()
        assert list(store.iter_traces()) == traces
        assert store.schema_version() == OLD
        store.migrate()
        assert list(store.iter_traces()) == traces
        assert store.schema_version() == SCHEMA_VERSION
        with store.writer() as writer:
            assert not writer.add_trace(traces[0])


def test_shards_of_both_schemas_are_compacted_into_new_ones(old: Path, traces: list[Trace]) -> None:
    store = Store.open(old)
    store.migrate()
    store.compact()
    assert sorted(store.iter_traces(), key=by_id) == sorted(traces, key=by_id)


def test_a_version_without_a_way_up_is_refused(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(migrations._MIGRATIONS, OLD)
    with pytest.raises(SchemaVersionError, match=r"schema version 0.*no way up"):
        list(Store.open(old).iter_traces())
