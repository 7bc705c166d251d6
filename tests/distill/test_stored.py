"""Stored logprobs: made once, learnt from without the teacher, refused where they don't fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tracewright.distill.config import DistillConfig
from tracewright.distill.storing import store_logprobs
from tracewright.distill.training import train_student
from tracewright.schemas import InputError, IntegrityError

MakeConfig = Callable[..., DistillConfig]


@pytest.fixture(scope="module")
def stored(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "logprobs.parquet"
    assert store_logprobs(release, "embedded", path, k=27, temperatures=[2.0]) > 90
    return path


def output(**fields: Any) -> dict[str, Any]:
    return {"output": {"weight": 1.0, **fields}}


def test_stored_targets_teach_what_the_loaded_teacher_does(
    make_config: MakeConfig, stored: Path, tmp_path: Path
) -> None:
    loaded = train_student(make_config(losses=output()), tmp_path / "loaded")
    read = train_student(make_config(losses=output(targets="stored", logprobs=stored)), tmp_path / "read")
    assert read.final_losses == pytest.approx(loaded.final_losses, rel=0.02)
    assert read.weights_sha256 != loaded.weights_sha256


def test_drawn_tokens_teach_as_the_text_does(make_config: MakeConfig, tmp_path: Path) -> None:
    sampled = output(targets="sampled", temperature=1.0)
    drawn = train_student(make_config(losses=sampled), tmp_path / "drawn")
    text = train_student(make_config(losses={"trace": 1.0}), tmp_path / "text")
    assert drawn.final_losses["trace"] == pytest.approx(text.final_losses["trace"], rel=1e-4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"temperature": 3.0},
            r"carries logprobs for the loss temperatures 1, 2, not for 3: set losses.output.temperat",
        ),
        ({"schedule": "annealed"}, r"not for 1\.6, 3: set losses"),
    ],
)
def test_temperatures_that_are_not_stored_are_refused(
    make_config: MakeConfig, stored: Path, tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train_student(make_config(losses=output(targets="stored", logprobs=stored, **fields)), tmp_path / "s")


def test_logprobs_of_other_tokens_are_refused(make_config: MakeConfig, stored: Path, tmp_path: Path) -> None:
    table = pq.read_table(stored)
    names = table["token_hash"].to_pylist()
    changed = table.set_column(1, "token_hash", [[names[0][::-1], *names[1:]]])
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), tmp_path / "changed.parquet")
    config = make_config(levels=None, losses=output(targets="stored", logprobs=tmp_path / "changed.parquet"))
    with pytest.raises(IntegrityError, match="has stored logprobs: those of other tokens, expected one for each"):
        train_student(config, tmp_path / "s")


def test_adapters_learn_in_place_of_a_checkpoints_weights_and_are_merged(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    first = train_student(make_config(), tmp_path / "first")
    student = {"checkpoint": tmp_path / "first", "lora": {"rank": 2}}
    adapted = train_student(make_config(student=student, losses={"trace": 1.0}), tmp_path / "adapted")
    assert adapted.parameters == first.parameters and adapted.weights_sha256 != first.weights_sha256
    whole = train_student(make_config(student={"checkpoint": tmp_path / "first"}), tmp_path / "whole")
    assert whole.final_losses["trace"] < first.final_losses["trace"]
    with pytest.raises(InputError, match="no layer of a llama model is called any of nothing: name its layers under"):
        lora = {"targets": ("nothing",)}
        train_student(make_config(student={**student, "lora": lora}), tmp_path / "none")
