"""Problems from data sets, Delta tables and reasoning-gym: the same rows, whatever holds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from tracewright.pipeline.config import ColumnsConfig, DatasetConfig, ProblemsConfig, ReasoningGymConfig
from tracewright.pipeline.sources import count_problems, read_problems
from tracewright.schemas import AnswerKind, InputError, MissingInputError, Problem, Rejection

ROWS = [{"uid": f"p{n}", "task": f"{n}+1", "gold": str(n + 1), "noise": "x" * n} for n in range(6)] + [
    {"uid": "bad", "task": None, "gold": "1", "noise": ""},
    {"uid": "p1", "task": "5+1", "gold": "6", "noise": ""},
]
COLUMNS = ColumnsConfig(id="uid", question="task", answer="gold")

Keep = Callable[[Path], ProblemsConfig]


def as_jsonl(folder: Path) -> ProblemsConfig:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return ProblemsConfig(path=path, columns=COLUMNS, source="s")


def as_parquet(folder: Path) -> ProblemsConfig:
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "rows.parquet")
    return ProblemsConfig(path=folder / "rows.parquet", columns=COLUMNS, source="s")


def as_delta(folder: Path) -> ProblemsConfig:
    write_deltalake(folder / "table", pa.Table.from_pylist(ROWS))
    write_deltalake(folder / "table", pa.Table.from_pylist([{**ROWS[0], "uid": "later"}]), mode="append")
    return ProblemsConfig(path=folder / "table", columns=COLUMNS, source="s", revision="0")


def as_saved(folder: Path) -> ProblemsConfig:
    datasets.DatasetDict({"test": datasets.Dataset.from_list(ROWS)}).save_to_disk(str(folder / "saved"))
    return ProblemsConfig(dataset=DatasetConfig(name=str(folder / "saved"), split="test"), columns=COLUMNS, source="s")


def as_hub_folder(folder: Path) -> ProblemsConfig:
    (folder / "hub" / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "hub" / "data" / "test-00000-of-00001.parquet")
    return ProblemsConfig(dataset=DatasetConfig(name=str(folder / "hub"), split="test"), columns=COLUMNS, source="s")


@pytest.mark.parametrize("keep", [as_parquet, as_delta, as_saved, as_hub_folder])
def test_the_same_rows_are_the_same_problems_whatever_holds_them(keep: Keep, tmp_path: Path) -> None:
    config = keep(tmp_path)
    rows = list(read_problems(config))
    expected = [row for row in read_problems(as_jsonl(tmp_path)) if isinstance(row, Problem)]
    found = [row.model_copy(update={"revision": None}) for row in rows if isinstance(row, Problem)]
    assert found == expected and len(expected) == 6
    missing, repeated = [row.reason for row in rows if isinstance(row, Rejection)]
    assert "no `task`" in missing and "'p1'" in repeated
    assert count_problems(config) in (8, None)
    assert len(list(read_problems(config.model_copy(update={"limit": 3})))) == 3


def test_a_delta_table_is_read_as_of_a_version(tmp_path: Path) -> None:
    config = as_delta(tmp_path)
    newest = [row.id for row in read_problems(config.model_copy(update={"revision": None})) if isinstance(row, Problem)]
    assert "later" in newest and len(newest) == 7
    with pytest.raises(InputError, match="version"):
        list(read_problems(config.model_copy(update={"revision": "main"})))
    with pytest.raises((InputError, MissingInputError)):
        list(read_problems(config.model_copy(update={"revision": "7"})))


def test_a_deleted_row_of_a_delta_table_stays_deleted(tmp_path: Path) -> None:
    config = as_delta(tmp_path)
    DeltaTable(tmp_path / "table").delete("uid = 'p2'")
    ids = [r.id for r in read_problems(config.model_copy(update={"revision": None})) if isinstance(r, Problem)]
    assert "p2" not in ids and "p3" in ids


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    many = [{"uid": str(n), "task": f"{n}+1", "gold": "1"} for n in range(5_000)]
    datasets.Dataset.from_list(many).save_to_disk(str(tmp_path / "saved"))
    config = ProblemsConfig(dataset=DatasetConfig(name=str(tmp_path / "saved")), columns=COLUMNS)
    first = next(iter(read_problems(config)))
    assert isinstance(first, Problem) and first.id == "0" and first.source == str(tmp_path / "saved")
    assert count_problems(config) == 5_000


def test_a_data_set_that_can_not_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"no_such/data set|check name, subset and split"):
        count_problems(ProblemsConfig(dataset=DatasetConfig(name=str(tmp_path / "nothing" / "here"))))
    config = as_saved(tmp_path)
    assert config.dataset is not None
    wrong = config.model_copy(update={"dataset": config.dataset.model_copy(update={"split": "validation"})})
    with pytest.raises(InputError, match="validation"):
        list(read_problems(wrong))


def test_reasoning_gym_problems_are_the_same_each_time() -> None:
    pytest.importorskip("reasoning_gym")
    config = ProblemsConfig(reasoning_gym=ReasoningGymConfig(task="chain_sum", count=20, seed=3))
    first, again = list(read_problems(config)), list(read_problems(config))
    assert first == again and len({row.id for row in first if isinstance(row, Problem)}) == 20
    assert count_problems(config) == 20
    assert all(isinstance(row, Problem) and row.answer_kind is AnswerKind.MATH for row in first)
    other = ProblemsConfig(reasoning_gym=ReasoningGymConfig(task="chain_sum", count=20, seed=4))
    assert list(read_problems(other)) != first


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"task": "chain_sums"}, "no task 'chain_sums'.*chain_sum"),
        ({"task": "chain_sum", "settings": {"x": 1}}, "settings"),
    ],
)
def test_what_reasoning_gym_does_not_know_is_refused(settings: dict[str, Any], fault: str) -> None:
    pytest.importorskip("reasoning_gym")
    with pytest.raises(InputError, match=fault):
        read_problems(ProblemsConfig(reasoning_gym=ReasoningGymConfig(count=2, **settings)))
