"""Streams: shared by ranks and their workers, resumed to the row, without copies or heavy imports."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import tracewright.pipeline.release as release_room
from tracewright.pipeline.release import Release, StreamState, open_release
from tracewright.schemas import InputError, MissingInputError

HEAVY = ("polars", "deltalake", "pandas", "torch", "datasets", "sklearn", "prefect")


@pytest.fixture(scope="module")
def release(released: Path) -> Release:
    return open_release(released)


def ids(rows: Any) -> list[str]:
    return [row["trace_id"] for row in rows]


def test_a_stream_gives_what_iter_rows_gives(release: Release) -> None:
    rows = list(release.stream("train", seed=4, columns=["trace_id", "steps"]))
    assert rows == list(release.iter_rows("train", seed=4, columns=["trace_id", "steps"]))


def test_ranks_and_workers_share_every_row_once(release: Release) -> None:
    parts = [
        ids(release.stream("train", seed=1, rank=rank, world_size=3, worker=worker, workers=2))
        for rank in range(3)
        for worker in range(2)
    ]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert sorted(row for part in parts for row in part) == ids(release.iter_rows("train"))


@pytest.mark.parametrize("done", [0, 1, 59, 60, 61, 130])
def test_a_saved_state_goes_on_with_the_next_row(released: Path, done: int) -> None:
    how: dict[str, Any] = {"seed": 9, "rank": 1, "world_size": 2}
    whole = ids(open_release(released).stream("train", **how))
    stream = open_release(released).stream("train", **how)
    before = ids(islice(stream, done))
    saved = stream.state().model_dump_json()
    rest = open_release(released).resume(StreamState.model_validate_json(saved))
    assert before + ids(rest) == whole
    assert rest.state().given == len(whole)
    assert ids(rest) == []


def test_a_reader_that_is_killed_goes_on_after_the_last_state_it_saved(released: Path, tmp_path: Path) -> None:
    code = """
import os, pathlib, signal, sys
from tracewright.pipeline.release import open_release
stream = open_release(sys.argv[1]).stream("train", seed=2)
for number, row in enumerate(stream, start=1):
    print(row["trace_id"], flush=True)
    if number % 7 == 0:
        pathlib.Path(sys.argv[2]).write_text(stream.state().model_dump_json())
    if number == 45:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "state.json"
    killed = subprocess.run([sys.executable, "-c", code, released, path], capture_output=True, text=True, check=False)
    given = killed.stdout.split()
    assert (killed.returncode, len(given)) == (-9, 45)
    release = open_release(released)
    rest = ids(release.resume(StreamState.model_validate_json(path.read_text())))
    assert given[:42] + rest == ids(release.stream("train", seed=2))


def test_the_state_of_another_release_is_refused(release: Release) -> None:
    state = release.stream("train").state()
    stranger = state.model_copy(update={"reading": state.reading.model_copy(update={"release": "0" * 64})})
    with pytest.raises(InputError, match=r"digest 0000.*this is sums@1 with"):
        release.resume(stranger)


@pytest.mark.parametrize("how", [{"rank": 2, "world_size": 2}, {"worker": 1}, {"workers": 0}, {"seed": -1}])
def test_impossible_readers_are_refused(release: Release, how: dict[str, int]) -> None:
    with pytest.raises(InputError, match="these readers can't share rows"):
        release.stream("train", **how)


@pytest.mark.parametrize("columns", [["nope"], ["trace_id", "steps.text"], []])
def test_a_column_that_is_not_there_is_refused_and_gives_no_empty_rows(released: Path, columns: list[str]) -> None:
    release = open_release(released)
    for read in (release.table, release.frame, release.stream, release.iter_rows, release.iter_batches):
        with pytest.raises(InputError, match=r"a release has trace_id, problem_id"):
            read("train", columns=columns)
    with pytest.raises(InputError, match="a release has trace_id"):
        release.resume(release.stream("train").state(), columns=columns)


def test_a_missing_split_is_refused_at_once(release: Release) -> None:
    with pytest.raises(MissingInputError, match="no data for split 'dev'"):
        release.stream("dev")


@pytest.mark.parametrize("rows", [1, 7, 1_000])
def test_batches_are_the_rows_without_python_objects(release: Release, rows: int) -> None:
    batches = list(release.iter_batches("train", rows=rows, seed=3, columns=["trace_id", "tokens"]))
    assert all(batch.num_rows <= rows for batch in batches)
    assert pa.concat_tables(batches).to_pylist() == list(
        release.iter_rows("train", seed=3, columns=["trace_id", "tokens"])
    )
    with pytest.raises(InputError, match="a batch has 1 row or more"):
        release.iter_batches("train", rows=0)


def test_polars_sees_the_numbers_where_arrow_has_them(release: Release) -> None:
    table = release.table("test", columns=["tokens", "weight"]).combine_chunks()
    frame = release.frame("test", columns=["tokens", "weight"])
    assert frame.to_dict(as_series=False) == table.to_pydict()
    for name in table.column_names:
        shared = pl.Series(pl.from_arrow(table[name])).to_arrow()
        assert shared.buffers()[1].address == table[name].chunk(0).buffers()[1].address


def test_reading_loads_nothing_heavy(released: Path) -> None:
    code = f"""
import json, sys
from tracewright.pipeline.release import open_release
release = open_release({str(released)!r})
rows = sum(1 for _ in release.stream("train", seed=1))
print(json.dumps([rows, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    rows, loaded = json.loads(said)
    assert rows == open_release(released).manifest.splits["train"]
    assert loaded == []


def test_every_name_of_the_room_is_there_and_no_other() -> None:
    for name in release_room.__all__:
        assert getattr(release_room, name).__name__ == name
    with pytest.raises(AttributeError, match="has no open_relaese"):
        _ = release_room.open_relaese
