"""Stages: one after another, each taken up where it was, trace terms only after convergence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tracewright.distill.config import DistillConfig
from tracewright.distill.course import Part
from tracewright.distill.inheritance import find_directions
from tracewright.distill.loss_config import LossConfig, Schedule
from tracewright.distill.loss_curve import LossRecord
from tracewright.distill.manifest import read_training_manifest
from tracewright.distill.ppo import estimate_advantages
from tracewright.distill.progress import TrainingStep
from tracewright.distill.rewards import reward_text
from tracewright.distill.stage_config import StageConfig
from tracewright.distill.stages import STAGES, check_converged, measure_fall, run_training
from tracewright.schemas import InputError

MakeConfig = Callable[..., DistillConfig]
SMALL = {"problems": 2, "max_tokens": 8}


def staged(make_config: MakeConfig, *stages: object, **fields: object) -> DistillConfig:
    return make_config(training={"steps": 4, "checkpoint_every": 2}, stages=stages, **fields)


class Killed(Exception):  # noqa: N818 - no error
    """What ends a run in the middle."""


def test_a_run_killed_in_a_later_stage_ends_with_the_weights_of_one_that_was_not(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    ppo = {"name": "ppo", "steps": 3, "reward": {"method": "ppo", "group": 2, **SMALL}}
    student = {"shape": make_config().student.shape, "embeddings": "frozen", "layers": "cut"}
    on_policy = {"name": "on-policy", "steps": 2, "on_policy": SMALL}
    config = staged(make_config, "output", ppo, on_policy, student=student)
    whole = run_training(config, tmp_path / "whole" / "student")

    def kill(now: TrainingStep) -> None:
        if now.step == 7:
            raise Killed

    steps: list[TrainingStep] = []
    with pytest.raises(Killed):
        run_training(config, tmp_path / "killed" / "student", kill)
    again = run_training(config, tmp_path / "killed" / "student", steps.append)
    assert again.weights_sha256 == whole.weights_sha256
    assert [step.step for step in steps] == [7, 8, 9] and {step.stage for step in steps} == {"ppo", "on-policy"}
    assert again.stage is not None and again.stage.name == "on-policy"
    assert {path.name for path in (tmp_path / "whole" / STAGES / "student").glob("[1-9]-*")} == {
        "1-output",
        "2-ppo",
        "3-on-policy",
    }


def test_trace_terms_wait_for_a_converged_stage(make_config: MakeConfig, tmp_path: Path) -> None:
    config = staged(make_config, "attention", "trace")
    with pytest.raises(
        InputError, match=r"attention has not converged: is too short to say.*Give it more steps, or go"
    ):
        run_training(config, tmp_path / "s" / "student")


def test_a_stage_between_them_does_not_switch_the_gate_off(make_config: MakeConfig, tmp_path: Path) -> None:
    between = {"name": "on-policy", "steps": 1, "on_policy": SMALL}
    config = staged(make_config, {"name": "attention", "steps": 2}, between, "trace")
    with pytest.raises(InputError, match="attention has not converged"):
        run_training(config, tmp_path / "s" / "student")


@pytest.mark.parametrize(("last", "converged"), [(0.99, True), (0.9, False), (1.2, True)])
def test_convergence_is_how_much_the_loss_fell_over_the_last_tenth(
    last: float, converged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = StageConfig.model_validate({"name": "attention", "losses": {"output": 0.5, "attention": 0.3}})
    records = tuple(
        LossRecord(
            step=10 * n, losses={"output": v, "attention": v, "trace": 9.0}, learning_rate=0.1, tokens_per_second=1.0
        )
        for n, v in enumerate([2.0] * 36 + [1.0] * 4 + [last] * 4)
    )
    assert measure_fall(records, stage) == pytest.approx(1 - last)
    monkeypatch.setattr("tracewright.distill.stages.read_losses", lambda _: records)
    lenient = stage.model_copy(update={"converged": stage.converged.model_copy(update={"required": False})})
    assert bool(check_converged(lenient, Path())) is not converged
    if not converged:
        with pytest.raises(InputError, match=r"its loss still fell by 10\.0%"):
            check_converged(stage, Path())


def test_a_first_stage_that_pays_an_untrained_student_is_refused(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match="pays a student that knows nothing yet"):
        staged(make_config, "reward")
    with pytest.raises(ValueError, match="two have the same name"):
        staged(make_config, "output", "output")


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"on_policy": {}, "losses": {"output": 1, "trace": 1}}, "leave trace, attention and hidden out of its losses"),
        (
            {"on_policy": {}, "losses": {"output": {"targets": "stored"}, "attention": 1}},
            "no output loss from the teacher itself",
        ),
        ({"reward": {}, "losses": {"output": 1}}, "is paid and has no use for losses"),
        ({"reward": {}, "on_policy": {}}, "make two stages of them"),
    ],
)
def test_a_stage_of_own_texts_takes_no_losses_that_it_can_not_learn(stage: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StageConfig.model_validate({"name": "own", **stage})


def test_the_temperature_falls_with_the_whole_training() -> None:
    annealed, second = Schedule.ANNEALED, Part(0.5, 1.0)
    assert [annealed.factor(f) for f in (0.0, 0.3, 0.34, 0.6, 0.67, 1.0)] == [1.5, 1.5, 1.0, 1.0, 0.8, 0.8]
    assert [annealed.factor(second.fraction(step, 4)) for step in (1, 2, 3, 4)] == [1.0, 1.0, 0.8, 0.8]
    presets = {
        name: LossConfig.model_validate({"output": {"temperature": name}}) for name in ("classification", "generation")
    }
    assert [one.output.temperature for one in presets.values()] == [1.5, 2.0]


def test_a_text_is_paid_for_answer_steps_form_and_length() -> None:
    right = "1+1=2; = 2*3\n2*3=6\n#### 6"
    paid = reward_text("(1+1)*3", "6", right, tokens=10, max_tokens=40, finished=True)
    assert (paid.answer, paid.steps, paid.format, paid.length) == (1.0, 1.0, 1.0, 0.75)
    wrong = reward_text("(1+1)*3", "6", "1+1=3; = 3*3\n3*3=9\n#### 9", tokens=10, max_tokens=40, finished=True)
    assert wrong.answer == 0 and wrong.steps < 1 and wrong.format == 1 and wrong.length == 0
    nothing = reward_text("(1+1)*3", "6", "", tokens=1, max_tokens=40, finished=True)
    assert (nothing.answer, nothing.steps, nothing.format, nothing.length) == (0, 0, 0, 0)
    assert reward_text("(1+1)*3", "6", right, tokens=40, max_tokens=40, finished=False).answer == 0


def test_advantages_are_the_sums_of_discounted_errors() -> None:
    values = torch.tensor([0.5, 0.2, 0.7])
    deltas = [0.2 - 0.5, 0.7 - 0.2, 1.0 - 0.7]
    expected = [sum(0.95 ** (k - n) * deltas[k] for k in range(n, 3)) for n in range(3)]
    assert estimate_advantages(values, 1.0).tolist() == pytest.approx(expected)


def test_projected_embeddings_keep_as_much_as_so_many_directions_can() -> None:
    embeddings = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)) @ torch.randn(
        3, 8, generator=torch.Generator().manual_seed(2)
    )
    directions = find_directions(embeddings, 3)
    assert torch.allclose(directions.T @ directions, torch.eye(3), atol=1e-5)
    assert torch.allclose(embeddings @ directions @ directions.T, embeddings, atol=1e-4)


@pytest.mark.slow
def test_a_student_paid_through_trl_is_taken_up_where_it_was_killed(make_config: MakeConfig, tmp_path: Path) -> None:
    paid = {"name": "reward", "steps": 5, "reward": {"group": 4, **SMALL}}
    config = staged(make_config, "output", paid)
    whole = run_training(config, tmp_path / "whole" / "student")
    first = read_training_manifest(tmp_path / "whole" / STAGES / "student" / "1-output")
    assert first is not None and first.weights_sha256 != whole.weights_sha256

    def kill(now: TrainingStep) -> None:
        if now.stage == "reward" and now.step == 7:
            raise Killed

    steps: list[TrainingStep] = []
    with pytest.raises(Killed):
        run_training(config, tmp_path / "killed" / "student", kill)
    half = tmp_path / "killed" / STAGES / "student" / "2-reward" / ".grpo" / "checkpoint-4"
    half.mkdir()  # what a process that died while saving leaves
    again = run_training(config, tmp_path / "killed" / "student", steps.append)
    assert again.weights_sha256 == whole.weights_sha256
    assert [step.step for step in steps] == [7, 8, 9]
    assert all(step.tokens_per_second > 0 and step.learning_rate > 0 for step in steps)
    assert not half.parent.exists()
