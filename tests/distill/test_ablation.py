"""The arms of an ablation differ in one thing each; differences come with an interval over paired seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel

from tracewright.distill.ablation import (
    choose_rates,
    derive_losses,
    draw_asked,
    list_tuning_jobs,
    make_job,
    measure_difference,
)
from tracewright.distill.ablation_config import Arm
from tracewright.distill.ablation_report import make_report, read_report, write_report
from tracewright.distill.config import DistillConfig
from tracewright.distill.data import read_lessons
from tracewright.distill.loss_config import TEXT_ONLY, LossConfig
from tracewright.distill.targets import load_teacher
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError

MakeConfig = Callable[..., DistillConfig]
WHOLE = LossConfig.model_validate({"output": 0.5, "attention": 0.3, "trace": {"weight": 0.2, "checks": True}})


CHAIN = (Arm.CONTROL, Arm.OUTPUT, Arm.ATTENTION, Arm.TRACE)


def test_each_arm_adds_one_thing_to_the_one_before() -> None:
    assert derive_losses(WHOLE, Arm.CONTROL, CHAIN) == TEXT_ONLY
    output, attention = (derive_losses(WHOLE, arm, CHAIN) for arm in (Arm.OUTPUT, Arm.ATTENTION))
    assert output.attention.weight == 0 and output.output == WHOLE.output and not output.trace.checks
    assert attention == output.model_copy(update={"attention": WHOLE.attention})
    assert derive_losses(WHOLE, Arm.TRACE, CHAIN) == WHOLE


@pytest.mark.parametrize("losses", [{"trace": 1.0}, {"output": 0.7}, {"output": 0.5, "attention": 0.3, "trace": 0.2}])
def test_an_addition_that_the_config_lacks_is_made_by_default(losses: dict[str, float]) -> None:
    found = [derive_losses(LossConfig.of(**losses), arm, CHAIN) for arm in CHAIN]
    assert len(set(found)) == 4
    assert found[1].output.weight and not found[1].attention.weight
    assert found[2].attention.weight and not found[2].trace.by_step
    assert found[3].trace.weight and found[3].trace.confidence and found[3].trace.checks
    assert found[3].attention == found[2].attention and found[2].output == found[1].output


def test_an_arm_that_is_left_out_is_left_out_of_those_after_it() -> None:
    some = (Arm.CONTROL, Arm.ATTENTION, Arm.REWARD, Arm.RAW)
    attention = derive_losses(WHOLE, Arm.ATTENTION, some)
    assert (attention.output.weight, attention.attention.weight, attention.trace.checks) == (0, 0.3, False)
    assert derive_losses(WHOLE, Arm.REWARD, some) == derive_losses(WHOLE, Arm.RAW, some) == attention
    assert derive_losses(WHOLE, Arm.RAW, (Arm.CONTROL, Arm.RAW)) == TEXT_ONLY


def test_the_reward_arm_learns_by_reinforcement_within_as_many_steps(make_config: MakeConfig, release: Path) -> None:
    job = make_job(make_config(losses=WHOLE, ablation={"reward_steps": 5}), Arm.REWARD, 0, 0.01)
    losses, reward = job.config.stages
    assert losses.losses == WHOLE and losses.reward is None and reward.reward is not None
    assert (losses.steps, reward.steps) == (7, 5) and job.config.training.steps == 12
    paid = {"name": "mine", "steps": 3, "reward": {"method": "ppo"}}
    own = make_job(make_config(losses=WHOLE, stages=({"name": "output"}, paid)), Arm.REWARD, 0, 0.01)
    assert own.config.stages[1].reward is not None and own.config.stages[1].reward.method == "ppo"
    assert [stage.steps for stage in own.config.stages] == [9, 3] and own.folder != job.folder
    other = make_job(make_config(losses=WHOLE), Arm.TRACE, 0, 0.01)
    assert other.config.stages == ()


def test_the_raw_arm_reads_as_many_tokens(
    make_config: MakeConfig, make_release: Callable[..., Path], make_trace: Callable[..., Any], tmp_path: Path
) -> None:
    texts = [f"{n}+1={n + 1}\n" * 8 + f"#### {n + 1}" for n in range(20)]
    raw = make_release(tmp_path, [make_trace(f"{n}+1", text) for n, text in enumerate(texts)])
    config = make_config(training={"steps": 400}, ablation={"raw_release": raw})
    assert config.ablation.arms[-1] is Arm.RAW
    job = make_job(config, Arm.RAW, 0, 0.01)
    assert job.config.release == raw
    read = [_read_tokens(config), _read_tokens(job.config)]
    assert read[1] == pytest.approx(read[0], rel=0.01)
    assert job.config.training.steps < 300


def _read_tokens(config: DistillConfig) -> float:
    tokenizer = load_teacher("embedded", weights=False).tokenizer
    lessons = read_lessons(open_release(config.release), tokenizer, levels=config.levels, max_tokens=512).lessons
    return config.training.steps * sum(map(len, lessons)) / len(lessons)


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (("reward", "raw"), "arms reward, raw: nothing to compare with; name control, output"),
        ((), r"arms \(none\): nothing to compare with"),
        (("control", "control"), "one is named twice"),
    ],
)
def test_arms_that_say_nothing_are_refused(make_config: MakeConfig, arms: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_config(ablation={"arms": arms})


def test_the_interval_is_the_paired_t_tests() -> None:
    ours, theirs = [30.0, 41.5, 33.0, 36.0, 38.5], [25.0, 30.0, 31.0, 29.0, 33.0]
    found = measure_difference(ours, theirs)
    interval = ttest_rel(ours, theirs).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.01)
    assert found.points == pytest.approx(6.2)


def test_rates_are_chosen_arm_by_arm_on_problems_that_are_not_asked(make_config: MakeConfig) -> None:
    config = make_config()
    jobs = list_tuning_jobs(config)
    assert len(jobs) == 10 and len({job.folder for job in jobs}) == 10
    solved = {job.folder: [number == 2 or number == 1] for number, job in enumerate(jobs)}
    rates = choose_rates(config, jobs, solved)
    assert rates[Arm.CONTROL] == 0.01 and rates[Arm.OUTPUT] == 0.005
    asked, tuning = draw_asked(config)
    assert len(asked) == 1000 and not {one.question for one in asked} & {one.question for one in tuning}


def test_a_raw_arm_without_a_release_is_refused(make_config: MakeConfig) -> None:
    with pytest.raises(InputError, match=r"the arm raw has no release, expected ablation\.raw_release"):
        list_tuning_jobs(make_config(ablation={"arms": ("control", "raw")}))


def test_what_hurt_is_said_as_plainly_as_what_helped(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(ablation={"seeds": 2, "problems": 50})
    solved = {
        Arm.CONTROL: [[True, False] * 25] * 2,
        Arm.OUTPUT: [[True] * 40 + [False] * 10] * 2,
        Arm.ATTENTION: [[True] * 10 + [False] * 40] * 2,
        Arm.RAW: [[True] * 10 + [False] * 40, [True] * 12 + [False] * 38],
    }
    report = make_report(config, "r@1", dict.fromkeys(solved, 0.01), solved)
    write_report(report, tmp_path)
    assert read_report(tmp_path) == report
    assert report.conclusions[0] == "Adding the teacher's distributions helped: +30.0 (+30.0 to +30.0) points."
    assert report.conclusions[1].startswith("Adding what happens inside the teacher hurt: −60.0")
    assert report.conclusions[2].startswith("Curating the release can't be told from nothing: −2.0")
    assert "| output | 0.01 | 80.0 | +30.0" in (tmp_path / "ablation.md").read_text()
    assert (tmp_path / "ablation.svg").read_text().startswith("<svg")
