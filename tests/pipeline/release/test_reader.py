"""Reading: verified, streaming, sharded, shuffled and resumed to the row."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import pytest

from tracewright.pipeline.release import Release, open_release, yank_release
from tracewright.pipeline.release.order import RowGroup, plan_windows
from tracewright.schemas import InputError, IntegrityError, MissingInputError, ReleaseYankedError, TracewrightError

TRAIN = "data/train-00001-of-00008.parquet"


def ids(release: Release, **how: Any) -> list[str]:
    return [row["trace_id"] for row in release.iter_rows("train", columns=["trace_id"], **how)]


@pytest.fixture(scope="module")
def release(released: Path) -> Release:
    return open_release(released)


def test_without_a_seed_rows_come_as_they_are_stored(release: Release) -> None:
    stored = release.table("train")["trace_id"].to_pylist()
    assert ids(release) == stored == sorted(stored)
    assert len(stored) == release.manifest.splits["train"]


def test_rows_are_the_tables_rows(release: Release) -> None:
    assert list(release.iter_rows("test")) == release.table("test").to_pylist()


def test_a_seed_gives_one_order_and_another_seed_another(release: Release) -> None:
    orders = [ids(release, seed=seed) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == ids(release)
    in_place = sum(first == second for first, second in zip(orders[0], ids(release), strict=True))
    assert in_place < 0.05 * len(orders[0])


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_ranks_share_the_rows_evenly(release: Release, seed: int | None, world_size: int) -> None:
    parts = [ids(release, seed=seed, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert sorted(row for part in parts for row in part) == ids(release)


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("skip", [0, 1, 59, 60, 61, 200, 10_000])
def test_skipped_rows_are_exactly_those_done(release: Release, seed: int | None, skip: int) -> None:
    for rank in range(2):
        whole = ids(release, seed=seed, rank=rank, world_size=2)
        assert ids(release, seed=seed, rank=rank, world_size=2, skip=skip) == whole[skip:]


def test_another_number_of_ranks_can_go_on(release: Release) -> None:
    done = [row for rank in range(2) for row in islice(ids(release, seed=3, rank=rank, world_size=2), 30)]
    rest = [row for rank in range(3) for row in ids(release, seed=3, rank=rank, world_size=3, skip=20)]
    assert sorted(done + rest) == ids(release)


def test_windows_cover_every_row_once_at_any_size() -> None:
    groups = [RowGroup(0, index, rows) for index, rows in enumerate([3, 1, 500, 20, 7] * 9)]
    total = sum(group.rows for group in groups)
    for world_size in (1, 4, total + 1):
        counted = sum(
            len(window.order)
            for rank in range(world_size)
            for window in plan_windows(groups, seed=1, rank=rank, world_size=world_size, skip=0)
        )
        assert counted == total


@pytest.mark.parametrize(
    "how", [{"rank": 1}, {"rank": -1}, {"world_size": 0}, {"skip": -1}, {"seed": -1}, {"rank": 2, "world_size": 2}]
)
def test_impossible_ranks_are_refused(release: Release, how: dict[str, int]) -> None:
    with pytest.raises(InputError, match="a rank lies between"):
        release.iter_rows("train", **how)


def test_a_missing_split_is_named_with_those_there_are(release: Release) -> None:
    with pytest.raises(MissingInputError, match=r"no data for split 'dev': it has train, test"):
        release.table("dev")


def test_absent_logprobs_are_said_to_be_absent(release: Release) -> None:
    with pytest.raises(MissingInputError, match=r"sums@1 carries no teacher logprobs.*`logprobs` above 0"):
        release.logprobs("train")


def test_a_withdrawn_release_is_refused_with_the_reason(copy: Path) -> None:
    yank_release(copy, "  a source asked for it ")
    with pytest.raises(ReleaseYankedError, match=r"sums@1 was withdrawn on 20..-..-..: a source asked for it"):
        open_release(copy)
    assert open_release(copy, allow_yanked=True).table("test").num_rows


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text("{}"),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("/not/there"),
    ],
    ids=["no JSON", "no reason", "a folder", "a link to nothing"],
)
def test_an_unreadable_tombstone_still_withdraws(copy: Path, put: Callable[[Path], object]) -> None:
    put(copy / "YANKED.json")
    with pytest.raises(IntegrityError, match=r"YANKED\.json") as caught:
        open_release(copy)
    assert "\n" not in str(caught.value)


def test_a_wrong_size_is_found_on_opening(copy: Path) -> None:
    with (copy / TRAIN).open("ab") as file:
        file.write(b"x")
    with pytest.raises(IntegrityError, match=TRAIN):
        open_release(copy)


@pytest.mark.parametrize("place", [4_000, -5, -200])
def test_a_flipped_byte_is_found_before_its_rows_are_given_out(copy: Path, place: int) -> None:
    data = bytearray((copy / TRAIN).read_bytes())
    data[place] ^= 0x40
    (copy / TRAIN).write_bytes(data)
    release = open_release(copy)
    given: list[dict[str, Any]] = []
    with pytest.raises(IntegrityError, match=TRAIN):
        given.extend(release.iter_rows("train"))
    with pytest.raises(IntegrityError, match=TRAIN):
        release.table("train")
    assert len(list(release.iter_rows("test"))) == release.manifest.splits["test"]


def test_every_error_is_one_of_ours(released: Path) -> None:
    assert issubclass(ReleaseYankedError, TracewrightError)
    assert issubclass(IntegrityError, ValueError)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_load_dataset_reads_it_without_arguments(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, withdrawn: bool
) -> None:
    if withdrawn:
        yank_release(copy, "no longer wanted")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    loaded = datasets.load_dataset(str(copy))
    release = open_release(copy, allow_yanked=True)
    assert {split: len(rows) for split, rows in loaded.items()} == release.manifest.splits
    assert loaded["train"].column_names == release.table("train").column_names
    assert list(loaded["test"]) == list(release.iter_rows("test"))
