"""Compaction changes no row, and vacuum no version that anything points to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.curate import Outcomes, curate
from tracewright.pipeline.release import create_release, take_down, vacuum_store
from tracewright.pipeline.store import Compaction, CompactionLimits, ShardLimits, Store
from tracewright.pipeline.store.failpoints import Failpoint, RemovalPoint
from tracewright.schemas import InputError, StoreError, Trace

Run = Callable[..., dict[str, Any]]
PlantTraces = Callable[..., list[Trace]]


@pytest.fixture
def shredded(tmp_path: Path, plant_traces: PlantTraces) -> Store:
    """A store of 60 traces in 12 shards."""
    store = Store.open(tmp_path / "store", create=True)
    with store.writer(limits=ShardLimits(rows=5)) as writer:
        for trace in plant_traces(60):
            writer.add_trace(trace)
    return store


def ids(store: Store, version: int | None = None) -> list[str]:
    return sorted(store.frame(version)["trace_id"].to_list())


def parquet_files(store: Store) -> list[Path]:
    return sorted((store.path / "traces").glob("*.parquet"))


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_compaction_keeps_every_row_and_every_version(shredded: Store, plant_traces: PlantTraces) -> None:
    before = {version: ids(shredded, version) for version in range(13)}
    rows = sorted(shredded.iter_traces(), key=lambda trace: trace.trace_id)
    assert shredded.compact(CompactionLimits(rows=25))[0] == Compaction("traces", 12, 3)
    assert sorted(shredded.iter_traces(), key=lambda trace: trace.trace_id) == rows
    assert {version: ids(shredded, version) for version in range(13)} == before
    assert shredded.version() == 15
    with shredded.writer() as writer:
        assert not any(writer.add_trace(trace) for trace in plant_traces(60))


def test_compacting_again_does_nothing(shredded: Store) -> None:
    shredded.compact()
    version = shredded.version()
    assert shredded.compact()[0] == Compaction("traces", 1, 1)
    assert shredded.version() == version


def test_a_writer_goes_on_while_shards_are_joined(shredded: Store, plant_traces: PlantTraces) -> None:
    more = plant_traces(30, seed=9)
    with shredded.writer("other", ShardLimits(rows=5)) as writer:
        for number, trace in enumerate(more):
            writer.add_trace(trace)
            if number == 12:
                shredded.compact()
    assert len(ids(shredded)) == 90


def test_vacuum_keeps_the_newest_and_what_releases_and_slices_point_to(shredded: Store, tmp_path: Path) -> None:
    create_release(shredded, tmp_path / "a", name="sums", at=3)
    curate(shredded, [Outcomes()], name="right", at=5)
    before = {version: ids(shredded, version) for version in range(13)}
    shredded.compact()
    done = vacuum_store(shredded, keep=timedelta())[0]
    assert done.files == 12 - 5
    assert done.size_bytes > 0
    for version in (*range(6), 13):
        assert ids(shredded, version) == before[min(version, 12)]
    assert shredded.gone_versions() == set(range(6, 13))
    for version in range(6, 13):
        with pytest.raises(InputError, match=r"`store vacuum` deleted its files"):
            shredded.frame(version)
    assert len(parquet_files(shredded)) == 6


def test_vacuum_keeps_what_was_the_newest_a_moment_ago(shredded: Store) -> None:
    shredded.compact()
    assert vacuum_store(shredded)[0].files == 0
    assert ids(shredded, 12) == ids(shredded)


def test_a_release_is_the_same_in_another_folder_and_after_compaction_and_vacuum(
    shredded: Store, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"name": "sums", "where": "level >= 2", "seed": 4, "test_share": 0.3, "at": 12}
    create_release(shredded, tmp_path / "a", **how)
    shredded.compact(CompactionLimits(rows=25))
    newest = create_release(shredded, tmp_path / "newest", **{**how, "at": None, "name": "newest"})
    vacuum_store(shredded, keep=timedelta())
    moved = shredded.path.rename(tmp_path / "moved")
    (moved / "releases/sums@1.json").unlink()
    (tmp_path / "elsewhere").mkdir()
    create_release(Store.open(moved), tmp_path / "elsewhere/b", **how)
    first, again = read_bytes(tmp_path / "a"), read_bytes(tmp_path / "elsewhere/b")
    assert again == first
    data = {path for path in first if path.startswith("data/")}
    compacted = read_bytes(tmp_path / "newest")
    assert newest.store_version == 15
    assert {path: compacted[path] for path in data} == {path: first[path] for path in data}


@pytest.mark.parametrize("point", [Failpoint.FILE_HALF_WRITTEN, Failpoint.FILE_RENAMED, Failpoint.SHARD_COMMITTED])
@pytest.mark.parametrize("hit", [1, 2])
def test_killed_while_it_joins_shards_nothing_is_lost(shredded: Store, run: Run, point: str, hit: int) -> None:
    before = ids(shredded)
    assert run(shredded, "compact", failpoint=point, hit=hit)["status"] == (-9 if hit == 1 else 0)
    assert ids(shredded) == before
    assert run(shredded, "compact")["status"] == 0
    assert ids(shredded) == before
    assert run(shredded, "vacuum")["status"] == 0
    assert ids(shredded) == before
    assert len(parquet_files(shredded)) == 1


def test_killed_while_it_vacuums_it_can_be_done_again(shredded: Store, run: Run) -> None:
    shredded.compact()
    before = ids(shredded)
    assert run(shredded, "vacuum", failpoint=RemovalPoint.VERSIONS_GONE)["status"] == -9
    with pytest.raises(InputError, match="deleted its files"):
        shredded.frame(4)
    assert run(shredded, "vacuum")["status"] == 0
    assert ids(shredded) == before


def test_vacuum_and_takedown_get_along(shredded: Store, tmp_path: Path) -> None:
    create_release(shredded, tmp_path / "a", name="sums", at=4)
    removed = set(take_down(shredded, "level == 1", "a wish").trace_ids)
    shredded.compact()
    vacuum_store(shredded, keep=timedelta())
    assert removed.isdisjoint(ids(shredded, 4))
    assert removed.isdisjoint(ids(shredded))
    second = set(take_down(shredded, "level == 2", "another wish").trace_ids)
    for version in (4, None):
        assert (removed | second).isdisjoint(ids(shredded, version))
    assert len(ids(shredded)) == 60 - len(removed | second)


def test_a_log_with_a_hole_is_not_vacuumed(shredded: Store) -> None:
    before = parquet_files(shredded)
    (shredded.path / "traces/_delta_log/00000000000000000004.json").unlink()
    with pytest.raises(StoreError, match="commit 4 is missing"):
        vacuum_store(shredded, keep=timedelta())
    assert parquet_files(shredded) == before
