"""A student's training: the same weights every time, killed or not, and nothing of another run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tracewright.distill.config import DistillConfig
from tracewright.distill.finished import WEIGHTS
from tracewright.distill.loss_config import LossConfig
from tracewright.distill.loss_curve import LOSSES, read_losses
from tracewright.distill.manifest import MANIFEST, TrainingManifest
from tracewright.distill.progress import TrainingStep
from tracewright.distill.state import STATE
from tracewright.distill.training import train_student
from tracewright.schemas import InputError, IntegrityError, MissingInputError

MakeConfig = Callable[..., DistillConfig]
Finished = tuple[DistillConfig, TrainingManifest, Path]
KINDS = {".safetensors", ".json", ".jsonl", ".jinja", ".md"}


class Killed(Exception):  # noqa: N818 - no error
    """What ends a run in the middle."""


def train_until(config: DistillConfig, out: Path, step: int) -> None:
    def kill(now: TrainingStep) -> None:
        if now.step == step:
            raise Killed

    with pytest.raises(Killed):
        train_student(config, out, kill)


def losses_of(folder: Path) -> list[tuple[int, dict[str, float]]]:
    return [(record.step, record.losses) for record in read_losses(folder)]


@pytest.fixture
def finished(make_config: MakeConfig, tmp_path: Path) -> Finished:
    """A trained student: its config, its manifest and its folder."""
    config = make_config()
    return config, train_student(config, tmp_path / "whole"), tmp_path / "whole"


def test_the_same_config_gives_the_same_weights_and_another_seed_others(
    finished: Finished, make_config: MakeConfig, tmp_path: Path
) -> None:
    config, manifest, _ = finished
    again = train_student(config, tmp_path / "again")
    other = train_student(make_config(training={"seed": 1}), tmp_path / "other")
    assert manifest.weights_sha256 == again.weights_sha256 != other.weights_sha256
    assert manifest.run == again.run != other.run


@pytest.mark.parametrize("kills", [[3], [7, 11], [10, 12]])
def test_a_killed_run_goes_on_to_the_same_weights_and_losses(
    finished: Finished, tmp_path: Path, kills: list[int]
) -> None:
    config, whole, folder = finished
    for step in kills:
        train_until(config, tmp_path / "killed", step)
    steps: list[int] = []
    resumed = train_student(config, tmp_path / "killed", lambda now: steps.append(now.step))
    assert steps[0] == kills[-1] // 5 * 5 - (5 if kills[-1] % 5 == 0 else 0) + 1
    assert resumed.weights_sha256 == whole.weights_sha256
    assert losses_of(tmp_path / "killed")[-1][0] == losses_of(folder)[-1][0]
    assert resumed.tokens == whole.tokens
    assert not (tmp_path / "killed" / STATE).exists()


def test_a_half_trained_student_of_another_config_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    train_until(make_config(), tmp_path / "s", 7)
    with pytest.raises(InputError, match=r"half-trained student of another run .* Choose another `out`, or remove"):
        train_student(make_config(levels=(1,)), tmp_path / "s")


def test_a_damaged_state_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()
    train_until(config, tmp_path / "s", 7)
    state = tmp_path / "s" / STATE
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IntegrityError, match=r"can't be read .*: remove it to train from the beginning"):
        train_student(config, tmp_path / "s")


def test_a_state_of_another_shape_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()
    train_until(config, tmp_path / "s", 7)
    state = tmp_path / "s" / STATE
    with safe_open(state, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(state)
    name = "model/student.model.norm.weight"
    tensors[name] = tensors[name][:-1]
    save_file(tensors, state, metadata)
    with pytest.raises(IntegrityError, match="does not fit the student's shape"):
        train_student(config, tmp_path / "s")


def test_a_finished_student_is_taken_as_it_is(finished: Finished) -> None:
    config, manifest, folder = finished
    steps: list[TrainingStep] = []
    assert train_student(config, folder, steps.append) == manifest
    assert steps == []


def test_saving_more_often_makes_no_other_student(finished: Finished, make_config: MakeConfig) -> None:
    _, manifest, folder = finished
    assert train_student(make_config(training={"checkpoint_every": 1}), folder) == manifest


def test_the_student_of_another_run_is_not_overwritten(finished: Finished, make_config: MakeConfig) -> None:
    _, manifest, folder = finished
    with pytest.raises(InputError, match=f"holds the student of another run \\({manifest.run} from worked@1, expected"):
        train_student(make_config(training={"seed": 1}), folder)


def test_two_processes_do_not_train_in_one_folder(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()

    def start_another(_: TrainingStep) -> None:
        with pytest.raises(InputError, match=r"another process is training .*: wait for it to end, or choose another"):
            train_student(config, tmp_path / "s")

    train_student(config, tmp_path / "s", start_another)


def test_changed_weights_are_found(finished: Finished) -> None:
    config, _, folder = finished
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(IntegrityError, match=r"model\.safetensors is not what .*student\.json says: remove"):
        train_student(config, folder)


def test_the_manifest_says_what_the_student_was_made_from(finished: Finished) -> None:
    config, manifest, folder = finished
    written = json.loads((folder / MANIFEST).read_text())
    assert TrainingManifest.model_validate_json((folder / MANIFEST).read_bytes()) == manifest
    assert written["release"] == "worked@1" and len(written["release_digest"]) == 64
    assert written["training"]["seed"] == 0 and written["losses"] == config.losses.model_dump(mode="json")
    assert written["teacher_parameters"] == 1_249_920
    assert written["parameters"] == sum(tensor.numel() for tensor in load_file(folder / WEIGHTS).values())
    assert written["left_out"].keys() == {"other level"}
    card = (folder / "README.md").read_text()
    assert manifest.run in card and "not measured yet" in card


def test_a_students_folder_holds_nothing_that_runs_when_it_is_loaded(make_config: MakeConfig, tmp_path: Path) -> None:
    train_until(make_config(), tmp_path / "s", 7)
    assert (tmp_path / "s" / STATE).exists()
    train_student(make_config(), tmp_path / "s")
    assert {path.suffix for path in (tmp_path / "s").iterdir()} == KINDS


def test_the_loss_curve_has_every_part_and_falls(make_config: MakeConfig, tmp_path: Path) -> None:
    train_student(make_config(training={"steps": 40}), tmp_path / "s")
    records = read_losses(tmp_path / "s")
    assert [record.step for record in records] == [10, 20, 30, 40]
    for part, fall in (("trace", 0.95), ("output", 0.95), ("attention", 1.0)):
        assert records[-1].losses[part] < fall * records[0].losses[part]
    assert records[-1].learning_rate == 0.0 and records[1].learning_rate == 0.01
    with (tmp_path / "s" / LOSSES).open("a") as file:
        file.write('{"step": 50, "los')
    assert read_losses(tmp_path / "s") == records


def test_the_control_differs_in_the_output_loss_alone(finished: Finished, tmp_path: Path) -> None:
    config, student, _ = finished
    control = train_student(config.as_control, tmp_path / "control")
    assert control.losses == LossConfig.of(trace=1.0)
    same = {"shape", "training", "examples", "tokens", "release_digest", "parameters", "learnt_tokens"}
    assert control.model_dump(include=same) == student.model_dump(include=same)
    assert control.final_losses.keys() == {"trace"} and student.final_losses.keys() == {"trace", "output", "attention"}
    assert control.weights_sha256 != student.weights_sha256


def test_stored_logprobs_are_refused_where_the_release_has_none(make_config: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="worked@1 carries no teacher logprobs: train on the text, or make"):
        train_student(make_config(losses={"output": {"targets": "stored"}}), tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_damaged_release_is_refused_before_anything_is_written(
    make_config: MakeConfig, damaged: Path, tmp_path: Path
) -> None:
    with pytest.raises(IntegrityError, match="damaged"):
        train_student(make_config(release=damaged), tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_config_names_one_size() -> None:
    shape = {"layers": 2, "hidden_size": 32, "intermediate_size": 64}
    with pytest.raises(ValueError, match="share and shape both say how large the student is: leave one out"):
        DistillConfig.model_validate({"release": "r", "out": "o", "student": {"share": 0.05, "shape": shape}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 20}, r"student .* has 20 tokens, its tokenizer 28; expected at least as many"),
        ({"hidden_size": 64}, r"student can't be loaded \(.*: name the folder of an intact checkpoint"),
        ({"intermediate_size": None}, r"config\.json has no intermediate_size, expected a decoder that writes text"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    make_config: MakeConfig, finished: Finished, tmp_path: Path, change: dict[str, int | None], message: str
) -> None:
    shutil.copytree(finished[2], tmp_path / "student")
    known = json.loads((tmp_path / "student" / "config.json").read_text()) | change
    written = {name: value for name, value in known.items() if value is not None}
    (tmp_path / "student" / "config.json").write_text(json.dumps(written))
    with pytest.raises(InputError, match=message):
        train_student(make_config(student={"checkpoint": tmp_path / "student"}), tmp_path / "s")


def test_a_checkpoint_whose_weights_are_cut_off_is_refused(
    make_config: MakeConfig, finished: Finished, tmp_path: Path
) -> None:
    shutil.copytree(finished[2], tmp_path / "student")
    weights = tmp_path / "student" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"can't be loaded \(.*: name the folder of an intact checkpoint"):
        train_student(make_config(student={"checkpoint": tmp_path / "student"}), tmp_path / "s")
