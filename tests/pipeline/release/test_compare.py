"""Two releases side by side, and one withdrawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracewright.pipeline.release import (
    ReleaseDiff,
    create_release,
    diff_releases,
    open_release,
    show_release,
    yank_release,
)
from tracewright.pipeline.store import Store
from tracewright.schemas import InputError, Trace


def ids(directory: Path) -> set[str]:
    release = open_release(directory, allow_yanked=True)
    return {row["trace_id"] for split in release.splits for row in release.iter_rows(split, columns=["trace_id"])}


def test_a_release_does_not_differ_from_itself(released: Path, copy: Path) -> None:
    assert diff_releases(released, copy).is_empty


def test_added_and_removed_rows_are_named(own_store: Store, tmp_path: Path) -> None:
    create_release(own_store, tmp_path / "a", name="sums", where="level <= 2")
    create_release(own_store, tmp_path / "b", name="sums", where="level >= 2")
    diff = diff_releases(tmp_path / "a", tmp_path / "b")
    assert set(diff.added) == ids(tmp_path / "b") - ids(tmp_path / "a")
    assert set(diff.removed) == ids(tmp_path / "a") - ids(tmp_path / "b")
    assert diff.changed == {}


def test_changed_columns_and_moves_between_splits_are_named(
    tmp_path: Path, arithmetic_traces: tuple[Trace, ...]
) -> None:
    traces = arithmetic_traces[:40]
    lowered = [
        trace.model_copy(update={"confidence": 0.25}) if number < 5 else trace for number, trace in enumerate(traces)
    ]
    for name, rows in (("a", traces), ("b", lowered)):
        store = Store.open(tmp_path / f"store-{name}", create=True)
        with store.writer() as writer:
            for trace in rows:
                writer.add_trace(trace)
        create_release(store, tmp_path / name, name="sums")
    create_release(Store.open(tmp_path / "store-a"), tmp_path / "c", name="sums", test_share=0.6)
    diff = diff_releases(tmp_path / "a", tmp_path / "b")
    assert diff.changed == {trace.trace_id: ("confidence",) for trace in traces[:5]}
    moved = diff_releases(tmp_path / "a", tmp_path / "c").changed
    assert len(moved) > 5
    assert set(moved.values()) == {("split",)}


def test_yanking_leaves_every_file_as_it_was_and_is_shown(copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert show_release(copy).yanked is None
    tombstone = yank_release(copy, "a source asked for it")
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert after.pop(copy / "YANKED.json")
    assert after == before
    assert show_release(copy).yanked == tombstone


def test_a_second_yank_gives_the_first_reason(copy: Path) -> None:
    yank_release(copy, "the first reason")
    with pytest.raises(InputError, match="already, because: the first reason"):
        yank_release(copy, "another")


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001])
def test_a_yank_needs_a_reason(copy: Path, reason: str) -> None:
    with pytest.raises(InputError, match="give 1 to 2000"):
        yank_release(copy, reason)
    assert show_release(copy).yanked is None


def test_the_columns_that_changed_are_counted(released: Path, copy: Path) -> None:
    assert diff_releases(released, copy).changed_columns() == {}
    assert ReleaseDiff((), (), {"a": ("gold",), "b": ("gold", "split")}).changed_columns() == {"gold": 2, "split": 1}
