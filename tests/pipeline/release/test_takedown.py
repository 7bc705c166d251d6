"""A takedown leaves nothing of its traces in any version, whatever is killed and when, and the reason on record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.release import create_release, finish_takedowns, open_release, take_down, verify_release
from tracewright.pipeline.release.manifest import read_tombstone
from tracewright.pipeline.store import ShardLimits, Store, publish_reviews
from tracewright.pipeline.store.failpoints import Failpoint, RemovalPoint
from tracewright.schemas import InputError, PublishedReview, ReleaseYankedError, StoreError, Trace

Run = Callable[..., dict[str, Any]]
WHERE = 'license == "MIT" and level == 1'
REASON = "the source asked for it"
KILLED_AT = [*RemovalPoint, *(Failpoint.FILE_RENAMED, Failpoint.SHARD_COMMITTED, Failpoint.FILE_HALF_WRITTEN)]


def wanted(store: Store) -> set[str]:
    return set(store.frame().filter(parse_filter(WHERE).to_polars())["trace_id"].to_list())


def assert_gone(store: Store, ids: set[str], before: dict[int, pa.Table]) -> None:
    """Nothing of the traces lies on the disk, and every version has all of the others."""
    for path in store.path.rglob("*.parquet"):
        assert ids.isdisjoint(pq.read_table(path)["trace_id"].to_pylist() if "rejects" not in path.parts else [])
    for version, rows in before.items():
        mask = [trace_id not in ids for trace_id in rows["trace_id"].to_pylist()]
        assert read_sorted(store, version).equals(rows.filter(pa.array(mask, pa.bool_())))
    assert ids.isdisjoint(store.trace_ids())


def read_sorted(store: Store, version: int) -> pa.Table:
    return store.read_table(version).sort_by("trace_id").replace_schema_metadata(None)


def read_versions(store: Store) -> dict[int, pa.Table]:
    return {commit.version: read_sorted(store, commit.version) for commit in store.history()}


def test_the_traces_leave_every_version_and_the_record_stays(whole_store: Store) -> None:
    ids, before = wanted(whole_store), read_versions(whole_store)
    assert 0 < len(ids) < len(whole_store.trace_ids())
    removal = take_down(whole_store, WHERE, f"  {REASON} ")
    assert_gone(whole_store, ids, before)
    assert removal.trace_ids == tuple(sorted(ids))
    assert (removal.reason, removal.store_version) == (REASON, max(before))
    assert whole_store.removals.read() == [removal]
    assert removal.finished_at is not None
    newest = Store.open(whole_store.path)
    assert newest.version() == max(before) + 1
    assert sorted(newest.read_table()["trace_id"].to_pylist()) == sorted(newest.frame()["trace_id"].to_list())


def test_their_attempts_and_reviews_go_too(whole_store: Store, arithmetic_traces: tuple[Trace, ...]) -> None:
    trace, other = arithmetic_traces[0], arithmetic_traces[5]
    reviews = [
        PublishedReview(
            number=n, review_id=f"r{n}", trace_id=of.trace_id, reviewer="ada", comment="2", created_at=of.created_at
        )
        for n, of in enumerate((trace, other), start=1)
    ]
    publish_reviews(whole_store, reviews, watermark=2)
    take_down(whole_store, f'trace_id == "{trace.trace_id}"', REASON)
    assert [review.trace_id for review in whole_store.reviews.read()] == [other.trace_id]
    assert len(list(whole_store.attempts())) == 2
    take_down(whole_store, 'source == "arithmetic"', REASON)
    assert list(whole_store.attempts()) == list(whole_store.reviews.read()) == list(whole_store.iter_traces()) == []
    assert whole_store.frame(1).height == 0
    assert len(whole_store.removals.removed_ids()) == len(arithmetic_traces) + 2


def test_a_trace_that_was_taken_down_is_never_stored_again(
    whole_store: Store, arithmetic_traces: tuple[Trace, ...]
) -> None:
    waiting, *others = arithmetic_traces[:10]
    take_down(whole_store, f'trace_id == "{others[0].trace_id}"', REASON)
    store = Store.open(whole_store.path.parent / "new", create=True)
    with store.writer() as writer:
        for trace in others:
            writer.add_trace(trace)
        writer.flush()
        writer.add_trace(waiting)
        store.removals.begin("x", REASON, 1, {waiting.trace_id})
    assert waiting.trace_id not in store.trace_ids()
    with whole_store.writer() as writer:
        assert writer.has_trace(others[0].trace_id)
        assert not writer.add_trace(others[0])
    assert others[0].trace_id not in whole_store.trace_ids()


def test_releases_that_hold_one_are_withdrawn_with_the_ids(whole_store: Store, tmp_path: Path) -> None:
    ids = wanted(whole_store)
    for name, where in {"all": None, "rest": f"not ({WHERE})", "some": WHERE}.items():
        create_release(whole_store, tmp_path / name, name=name, where=where)
    create_release(whole_store, tmp_path / "lost", name="lost")
    (tmp_path / "lost").rename(tmp_path / "elsewhere")
    removal = take_down(whole_store, WHERE, REASON)
    assert (removal.releases, removal.unreachable) == (("all@1", "some@1"), ("lost@1",))
    with pytest.raises(ReleaseYankedError, match=REASON):
        open_release(tmp_path / "all")
    tombstone = read_tombstone(tmp_path / "all")
    assert tombstone is not None
    assert tombstone.trace_ids == tuple(sorted(ids))
    assert open_release(tmp_path / "rest").manifest.rows
    assert verify_release(tmp_path / "all").rows
    again = create_release(whole_store, tmp_path / "again", name="all", at=removal.store_version)
    assert (again.version, again.rows) == ("2", again.funnel[-1].rows_in)
    rows = open_release(tmp_path / "again").table("train")["trace_id"].to_pylist()
    assert ids.isdisjoint(rows)


def test_a_second_takedown_adds_to_the_tombstone(whole_store: Store, tmp_path: Path) -> None:
    create_release(whole_store, tmp_path / "all", name="all")
    first = take_down(whole_store, "level == 1", "a wish")
    second = take_down(whole_store, "level == 2", "another wish")
    tombstone = read_tombstone(tmp_path / "all")
    assert tombstone is not None
    assert tombstone.trace_ids == tuple(sorted({*first.trace_ids, *second.trace_ids}))
    assert tombstone.reason == "a wish; another wish"
    assert_gone(whole_store, set(tombstone.trace_ids), {})


def test_a_filter_that_finds_nothing_and_an_empty_reason_are_refused(whole_store: Store) -> None:
    with pytest.raises(InputError, match=r'no trace of .* matches domain == "geometry"'):
        take_down(whole_store, 'domain == "geometry"', REASON)
    with pytest.raises(InputError, match="the reason has 0 characters"):
        take_down(whole_store, WHERE, "  ")
    assert whole_store.removals.read() == []


@pytest.mark.parametrize("point", KILLED_AT)
def test_killed_anywhere_it_is_finished_by_the_next(whole_store: Store, tmp_path: Path, run: Run, point: str) -> None:
    create_release(whole_store, tmp_path / "out", name="sums")
    ids, before = wanted(whole_store), read_versions(whole_store)
    killed = run(whole_store, "take down", where=WHERE, failpoint=point)
    if point == RemovalPoint.VERSIONS_GONE:
        assert killed == {"status": 0, "error": ""}
    elif point == Failpoint.FILE_HALF_WRITTEN:
        assert killed["status"] == -9
        assert finish_takedowns(whole_store) == []
        take_down(whole_store, WHERE, REASON)
    else:
        assert killed["status"] == -9, killed
        assert all(whole_store.frame(version).height for version in before if version)
        with pytest.raises(StoreError, match=r"a takedown of .* was cut short.*--finish"):
            whole_store.rewriter()
        assert [removal.releases for removal in finish_takedowns(whole_store)] == [("sums@1",)]
    assert_gone(whole_store, ids, before)
    assert finish_takedowns(whole_store) == []
    with pytest.raises(ReleaseYankedError):
        open_release(tmp_path / "out")


def test_writers_go_on_after_a_takedown(whole_store: Store, plant_traces: Callable[..., list[Trace]]) -> None:
    traces = plant_traces(20)
    with whole_store.writer("other", ShardLimits(rows=5)) as writer:
        for trace in traces[:10]:
            writer.add_trace(trace)
        ids = wanted(whole_store)
        take_down(whole_store, WHERE, REASON)
        for trace in traces[10:]:
            writer.add_trace(trace)
    assert {trace.trace_id for trace in traces} <= whole_store.trace_ids()
    assert ids.isdisjoint(whole_store.trace_ids())
