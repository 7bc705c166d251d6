"""Which part of a distillation helped: every arm's students, trained side by side and asked the same problems."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

from tracewright.distill.ablation import (
    Job,
    choose_rates,
    draw_asked,
    list_jobs,
    list_tuning_jobs,
    read_seconds,
)
from tracewright.distill.ablation_config import Arm
from tracewright.distill.ablation_report import AblationReport, make_report, write_report
from tracewright.distill.ablation_worker import run_job
from tracewright.distill.config import DistillConfig
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.pipeline.engines.lifeline import end_group_with_parent
from tracewright.pipeline.release import open_release
from tracewright.schemas import Problem

FOLDER = "ablation"


def ablate(config: DistillConfig) -> AblationReport:
    """Choose every arm's learning rate, train its students, ask them, and write the report to `out/ablation`.

    Students are kept by a hash of what decides them: run again, only what is missing is trained.
    """
    manifest = open_release(config.release).manifest
    asked, tuning = draw_asked(config)
    tuned = _run(list_tuning_jobs(config), asked, tuning, config, "choose rates")
    rates = choose_rates(config, [job for job, _ in tuned], {job.folder: solved for job, solved in tuned})
    answered = _run(list_jobs(config, rates), asked, tuning, config, "train arms")
    solved = {
        arm: [answers for job, answers in answered if job.arm is arm]
        for arm in Arm
        if any(job.arm is arm for job, _ in answered)
    }
    seconds = {arm: max(read_seconds(job.folder) for job, _ in answered if job.arm is arm) for arm in solved}
    report = make_report(config, f"{manifest.name}@{manifest.version}", rates, solved, seconds)
    write_report(report, config.out / FOLDER)
    return report


def _run(
    jobs: Sequence[Job], asked: Sequence[Problem], tuning: Sequence[Problem], config: DistillConfig, name: str
) -> list[tuple[Job, list[bool]]]:
    """Every job's answers, in the jobs' order."""
    if not jobs:
        return []
    config.out.mkdir(parents=True, exist_ok=True)
    found: dict[Path, tuple[Job, list[bool]]] = {}
    with (
        show_progress() as progress,
        multiprocessing.get_context("spawn").Pool(config.ablation.workers, end_with_run, (os.getpid(),)) as pool,
    ):
        stage = StageProgress(progress, name, len(jobs))
        for job, solved in pool.imap_unordered(_Task(asked, tuning), jobs):
            found[job.folder] = job, solved
            stage.update(len(found), f"{job.arm.value}: {sum(solved) / len(solved):.1%} solved")
        stage.finish(len(jobs), f"{len({job.arm for job in jobs})} arms")
    return [found[job.folder] for job in jobs]


def end_with_run(run_pid: int) -> None:
    """A worker's first act: a pool's workers hold each other's pipes open and would wait for ever for a killed run."""
    os.setsid()
    end_group_with_parent(run_pid)


class _Task:
    """The work of one process, with the problems that every student is asked."""

    def __init__(self, asked: Sequence[Problem], tuning: Sequence[Problem]) -> None:
        self._asked, self._tuning = asked, tuning

    def __call__(self, job: Job) -> tuple[Job, list[bool]]:
        return run_job(job, self._asked, self._tuning)
