"""Which part of a distillation helped: students that differ in one thing, over seeds, with intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import t as student_t

from tracewright import __version__
from tracewright.distill.ablation_config import Arm
from tracewright.distill.config import DistillConfig
from tracewright.distill.loss_config import TEXT_ONLY, LossConfig, TraceConfig
from tracewright.pipeline.release import open_release
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import InputError, Problem, make_id

TUNING_SEED = 1_000
"""Of the students that learning rates are chosen on."""
_ASKED_SEED, _TUNING_PROBLEMS_SEED = 2, 3
_FOLDER_DIGITS = 16
ANSWERS = "answers.json"


@dataclass(frozen=True)
class Job:
    """One student that is trained and asked."""

    arm: Arm
    config: DistillConfig
    folder: Path
    tuning: bool
    """Whether it is there to choose a learning rate."""


@dataclass(frozen=True)
class Difference:
    """What one arm solves beyond another, in points of 100, over paired seeds."""

    points: float
    low: float
    high: float
    """The 95 % interval (Student's t over seeds)."""


def derive_losses(losses: LossConfig, arm: Arm) -> LossConfig:
    """An arm's losses, from those of the whole."""
    if arm is Arm.CONTROL:
        return TEXT_ONLY
    plain = TraceConfig(weight=losses.trace.weight)
    if arm is Arm.OUTPUT:
        return LossConfig(output=losses.output, trace=plain)
    if arm is Arm.ATTENTION:
        return losses.model_copy(update={"trace": plain})
    return losses


def make_job(config: DistillConfig, arm: Arm, seed: int, learning_rate: float) -> Job:
    """One student of an arm. Its folder's name is a hash of all that decides it, so that what is there is taken."""
    asked = config.ablation
    update: dict[str, object] = {
        "losses": derive_losses(config.losses, arm),
        "stages": (),
        "control": False,
        "training": config.training.model_copy(
            update={"seed": seed, "learning_rate": learning_rate, "threads": 1, "tensorboard": False}
        ),
    }
    if arm is Arm.RAW:
        if asked.raw_release is None:
            raise InputError(
                "the arm raw has no release, expected ablation.raw_release: make one of the same store without the "
                "curation, `tracewright release create STORE --name raw --out DIR`"
            )
        update["release"] = asked.raw_release
    own = config.model_copy(update=update)
    digest = open_release(own.release).manifest.digest
    settings = own.model_dump(mode="json", include={"levels", "losses", "training", "student", "teacher"})
    name = make_id(arm.value, settings, digest, asked.problems, asked.tuning_problems, __version__)[:_FOLDER_DIGITS]
    tuning = seed >= TUNING_SEED
    return Job(arm, own, config.out / "ablation" / f"{arm.value}-{name}", tuning)


def list_tuning_jobs(config: DistillConfig) -> list[Job]:
    """A student for each arm and learning rate; none where there is nothing to choose."""
    rates = config.ablation.learning_rates
    if len(rates) == 1:
        return []
    return [make_job(config, arm, TUNING_SEED, rate) for arm in _trained(config) for rate in rates]


def list_jobs(config: DistillConfig, rates: Mapping[Arm, float]) -> list[Job]:
    """The students that are compared."""
    return [
        make_job(config, arm, seed, rates[arm]) for seed in range(config.ablation.seeds) for arm in _trained(config)
    ]


def _trained(config: DistillConfig) -> list[Arm]:
    return list(config.ablation.arms)


def choose_rates(
    config: DistillConfig, jobs: Sequence[Job], answers: Mapping[Path, Sequence[bool]]
) -> dict[Arm, float]:
    """The learning rate of each arm whose student solved most."""
    if not jobs:
        return dict.fromkeys(_trained(config), config.ablation.learning_rates[0])
    best: dict[Arm, tuple[int, float]] = {}
    for job in jobs:
        solved = sum(answers[job.folder])
        if job.arm not in best or solved > best[job.arm][0]:
            best[job.arm] = solved, job.config.training.learning_rate
    return {arm: rate for arm, (_, rate) in best.items()}


def draw_asked(config: DistillConfig) -> tuple[list[Problem], list[Problem]]:
    """The problems that are asked, and those that learning rates are chosen on: held out from everything, and apart."""
    levels = config.levels or (1, 2)
    asked = list(draw_problems(config.ablation.problems, levels, seed=_ASKED_SEED, held_out=True))
    known = {problem.question for problem in asked}
    wanted = config.ablation.tuning_problems
    others = draw_problems(2 * wanted, levels, seed=_TUNING_PROBLEMS_SEED, held_out=True)
    return asked, [problem for problem in others if problem.question not in known][:wanted]


def measure_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Paired over seeds; both in points."""
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    count = len(differences)
    mean = sum(differences) / count
    deviation = (sum((value - mean) ** 2 for value in differences) / (count - 1)) ** 0.5
    half = float(student_t.ppf(0.975, count - 1)) * deviation / count**0.5
    return Difference(round(mean, 2), round(mean - half, 2), round(mean + half, 2))


def read_answers(folder: Path) -> list[bool] | None:
    """Which problems a finished job's student solved; None where it has not been asked."""
    path = folder / ANSWERS
    return list(map(bool, json.loads(path.read_text())["solved"])) if path.exists() else None
