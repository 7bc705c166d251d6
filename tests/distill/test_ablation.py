"""The arms of an ablation differ in one thing each; differences come with an interval over paired seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

from tracewright.distill.ablation import choose_rates, derive_losses, draw_asked, list_tuning_jobs, measure_difference
from tracewright.distill.ablation_config import Arm
from tracewright.distill.ablation_report import make_report, read_report, write_report
from tracewright.distill.config import DistillConfig
from tracewright.distill.loss_config import TEXT_ONLY, LossConfig
from tracewright.schemas import InputError

MakeConfig = Callable[..., DistillConfig]
WHOLE = LossConfig.model_validate({"output": 0.5, "attention": 0.3, "trace": {"weight": 0.2, "checks": True}})


def test_each_arm_adds_one_thing_to_the_one_before() -> None:
    assert derive_losses(WHOLE, Arm.CONTROL) == TEXT_ONLY
    output, attention = derive_losses(WHOLE, Arm.OUTPUT), derive_losses(WHOLE, Arm.ATTENTION)
    assert output.attention.weight == 0 and output.output == WHOLE.output and not output.trace.checks
    assert attention == output.model_copy(update={"attention": WHOLE.attention})
    assert derive_losses(WHOLE, Arm.TRACE) == WHOLE


def test_the_interval_is_the_paired_t_tests() -> None:
    ours, theirs = [30.0, 41.5, 33.0, 36.0, 38.5], [25.0, 30.0, 31.0, 29.0, 33.0]
    found = measure_difference(ours, theirs)
    interval = ttest_rel(ours, theirs).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.01)
    assert found.points == pytest.approx(6.2)


def test_rates_are_chosen_arm_by_arm_on_problems_that_are_not_asked(make_config: MakeConfig) -> None:
    config = make_config()
    jobs = list_tuning_jobs(config)
    assert len(jobs) == 8 and len({job.folder for job in jobs}) == 8
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
