"""A release carries what the store keeps beside its shards: same rows, same order, hashed like the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tracewright.pipeline.release import create_release, open_release, verify_release
from tracewright.pipeline.release.parquet import FileLimits
from tracewright.pipeline.store import ShardLimits, Store, TopSettings, make_top_logprobs
from tracewright.schemas import MissingInputError, Trace

Plant = Callable[..., list[Trace]]
SETTINGS = TopSettings(k=2, tokenizer_hash="t", vocabulary=30, teacher_revision="r")


def fill(path: Path, traces: list[Trace], *, every: int) -> Store:
    """A store with the numbers of every so-manieth trace; each trace's tokens are its place."""
    store = Store.open(path, create=True)
    with store.writer(limits=ShardLimits(rows=40)) as writer:
        for place, trace in enumerate(traces):
            row = make_top_logprobs([place], [-0.5], [[place, 1]], [[-0.5, -1.5]], SETTINGS)
            writer.add_trace(trace, top_logprobs=row if place % every == 0 else None)
    return store


def test_rows_and_numbers_meet_in_every_file(plant_traces: Plant, tmp_path: Path) -> None:
    traces = plant_traces(700)
    store = fill(tmp_path / "store", traces, every=3)
    limits = FileLimits(rows=250)
    create_release(store, tmp_path / "one", name="one", limits=limits, pictures=False)
    release = open_release(tmp_path / "one")
    assert verify_release(tmp_path / "one") == release.manifest
    numbers: dict[str, int] = {}
    for place, trace in enumerate(traces):
        numbers.setdefault(trace.trace_id, place)  # the same problem may be drawn twice: the first trace stays
    for split in release.splits:
        rows, beside = release.table(split), release.logprobs(split)
        assert beside["trace_id"].to_pylist() == rows["trace_id"].to_pylist()
        for trace_id, top in zip(beside["trace_id"].to_pylist(), beside["top_tokens"].to_pylist(), strict=True):
            place = numbers[trace_id]
            assert top == ([[place, 1]] if place % 3 == 0 else None)
    data = {file.path.split("/")[1] for file in release.manifest.files if file.path.startswith("data/")}
    assert data == {file.path.split("/")[1] for file in release.manifest.files if file.path.startswith("logprobs/")}
    assert len(data) > 2
    assert not [path for path in (tmp_path / "one").iterdir() if path.name.startswith("_")]


def test_a_store_without_them_makes_a_release_without(plant_traces: Plant, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        for trace in plant_traces(60):
            writer.add_trace(trace)
    create_release(store, tmp_path / "one", name="one", pictures=False)
    assert not (tmp_path / "one" / "logprobs").exists()
    with pytest.raises(MissingInputError, match="carries no teacher logprobs"):
        open_release(tmp_path / "one").logprobs("train")
