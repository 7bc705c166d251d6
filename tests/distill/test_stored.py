"""Stored logprobs: made once, learnt from without the teacher, refused where they don't fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from tracewright.distill.config import DistillConfig
from tracewright.distill.data import read_lessons
from tracewright.distill.stored import StoredDistributions
from tracewright.distill.storing import store_logprobs
from tracewright.distill.targets import TeacherLogits, load_teacher
from tracewright.distill.training import train_student
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError, IntegrityError, MissingInputError

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


def test_drawn_tokens_learnt_at_another_temperature_are_weighted_by_how_likely_they_were(
    stored: Path, release: Path
) -> None:
    teacher = load_teacher("embedded")
    lessons = read_lessons(open_release(release), teacher.tokenizer, levels=None, max_tokens=512).lessons[:5]
    drawn = StoredDistributions(pq.read_table(stored), lessons, teacher.identity).drawn(lessons, 2.0, 1.0)
    logits = TeacherLogits(teacher, lessons).of(lessons).logits_N_V.double()
    at_1, at_2 = (torch.log_softmax(logits / t, -1).gather(-1, drawn.tokens_N_S) for t in (1.0, 2.0))
    assert torch.allclose(drawn.logprobs_N_S.double(), at_2, atol=2e-3)
    assert torch.allclose(drawn.weights_N_S.double(), (at_2 - at_1).exp(), rtol=5e-3)


def test_drawn_tokens_at_another_temperature_need_to_be_stored(
    make_config: MakeConfig, stored: Path, tmp_path: Path
) -> None:
    with pytest.raises(MissingInputError, match=r"worked@1 were drawn at temperature 1 and are to be learnt at 2: wit"):
        train_student(make_config(losses=output(targets="sampled")), tmp_path / "s")
    with pytest.raises(InputError, match=r"carries logprobs for the loss temperatures 1, 2, not for 3"):
        train_student(make_config(losses=output(targets="sampled", temperature=3, logprobs=stored)), tmp_path / "s")
    trained = train_student(make_config(losses=output(targets="sampled", logprobs=stored)), tmp_path / "s")
    assert 0 < trained.final_losses["output"] < 20


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"top_p": 0.9}, r"drawn with temperature 1, top_p 0\.9, top_k 0, min_p 0, expected one temperature above 0"),
        ({"temperature": 0.0}, r"drawn with temperature 0, .*Set losses\.output\.targets to teacher or stored"),
    ],
)
def test_tokens_of_a_part_of_the_distribution_are_no_unbiased_estimate(
    make_config: MakeConfig,
    make_release: Callable[..., Path],
    make_trace: Callable[..., Any],
    tmp_path: Path,
    sampling: dict[str, float],
    message: str,
) -> None:
    traces = [make_trace(f"{n}+1", f"{n}+1={n + 1}\n#### {n + 1}", **sampling) for n in range(9)]
    config = make_config(release=make_release(tmp_path, traces), losses=output(targets="sampled", temperature=1.0))
    with pytest.raises(InputError, match=message):
        train_student(config, tmp_path / "s")


def test_logprobs_of_another_teacher_are_refused(make_config: MakeConfig, stored: Path, tmp_path: Path) -> None:
    table = pq.read_table(stored)
    metadata = {key: value.replace(b'_revision": "', b'_revision": "x') for key, value in table.schema.metadata.items()}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "other.parquet")
    config = make_config(losses=output(targets="stored", logprobs=tmp_path / "other.parquet"))
    with pytest.raises(InputError, match=r"are of a teacher at x.*: name the teacher that they were made with"):
        train_student(config, tmp_path / "s")


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
