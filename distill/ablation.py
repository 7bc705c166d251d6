"""Which part of a distillation helped: students that differ in one thing, over seeds, with intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scipy.stats import t as student_t

from tracewright import __version__
from tracewright.distill.ablation_config import Arm
from tracewright.distill.config import DistillConfig
from tracewright.distill.loss_config import (
    DEFAULT_WEIGHTS,
    TEXT_ONLY,
    AttentionConfig,
    LossConfig,
    OutputConfig,
    TraceConfig,
)
from tracewright.distill.stage_config import ConvergenceConfig, RewardConfig, StageConfig
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


def derive_losses(losses: LossConfig, arm: Arm, arms: Sequence[Arm]) -> LossConfig:
    """What an arm is taught by: the text, and what it and the compared arms before it add, each as the config has it,
    or by default where the config has none of it. So neighbours differ in one thing, whichever arms are left out.

    Of `raw` it is the whole: what the last of the others is taught by.
    """
    if arm is Arm.CONTROL or not (added := _added_until(arm, arms)):
        return TEXT_ONLY
    filled = _fill(losses, added)
    off = LossConfig.of(trace=1.0)
    inside = (filled.attention, filled.hidden) if Arm.ATTENTION in added else (off.attention, off.hidden)
    return LossConfig(
        output=filled.output if Arm.OUTPUT in added else off.output,
        attention=inside[0],
        hidden=inside[1],
        trace=filled.trace if Arm.TRACE in added else TraceConfig(weight=filled.trace.weight),
    )


def _added_until(arm: Arm, arms: Sequence[Arm]) -> list[Arm]:
    """The arms that add a loss, up to this one."""
    order = list(Arm)
    adding = (Arm.OUTPUT, Arm.ATTENTION, Arm.TRACE)
    return [one for one in adding if one in arms and order.index(one) <= order.index(arm)]


def _fill(losses: LossConfig, added: Sequence[Arm]) -> LossConfig:
    """The losses with a default for each addition that they lack: an arm without its addition would be the one
    before, and its gain zero by construction."""
    update: dict[str, object] = {}
    if Arm.OUTPUT in added and not losses.output.weight:
        update["output"] = OutputConfig(weight=DEFAULT_WEIGHTS["output"])
    if Arm.ATTENTION in added and not losses.attention.weight and not losses.hidden.weight:
        update["attention"] = AttentionConfig(weight=DEFAULT_WEIGHTS["attention"])
    if Arm.TRACE in added:
        by_step = {} if losses.trace.by_step else {"confidence": True, "checks": True}
        weight = losses.trace.weight or DEFAULT_WEIGHTS["trace"]
        update["trace"] = losses.trace.model_copy(update={"weight": weight, **by_step})
    return losses.model_copy(update=update)


def derive_stages(config: DistillConfig, losses: LossConfig) -> tuple[StageConfig, ...]:
    """The arm `reward`: most of the steps on the losses before it, the last ones by reinforcement learning, as many in
    all as the other arms have. How it is paid is the config's own reward stage, or the default."""
    total = config.training.steps
    own = next((stage for stage in config.stages if stage.reward is not None), None)
    paid = own or StageConfig(name="reward", reward=RewardConfig())
    steps = min(paid.steps or config.ablation.reward_steps, total - 1)
    lenient = ConvergenceConfig(required=False)
    first = StageConfig(name="losses", losses=losses, steps=total - steps, converged=lenient)
    return first, paid.model_copy(update={"name": "reward", "steps": steps})


def make_job(config: DistillConfig, arm: Arm, seed: int, learning_rate: float) -> Job:
    """One student of an arm. Its folder's name is a hash of all that decides it, so that what is there is taken."""
    asked = config.ablation
    losses = derive_losses(config.losses, arm, asked.arms)
    training: dict[str, object] = {"seed": seed, "learning_rate": learning_rate, "threads": 1, "tensorboard": False}
    update: dict[str, object] = {"losses": losses, "control": False, "stages": ()}
    if arm is Arm.REWARD:
        update["stages"] = derive_stages(config, losses)
    if arm is Arm.RAW:
        update["release"] = raw = _find_raw(config)
        training["steps"] = match_tokens(config, raw)
    own = config.model_copy(update={**update, "training": config.training.model_copy(update=training)})
    digest = open_release(own.release).manifest.digest
    settings = own.model_dump(mode="json", include={"levels", "losses", "training", "student", "teacher"})
    if own.stages:
        settings["stages"] = [stage.model_dump(mode="json") for stage in own.stages]
    name = make_id(arm.value, settings, digest, asked.problems, asked.tuning_problems, __version__)[:_FOLDER_DIGITS]
    tuning = seed >= TUNING_SEED
    return Job(arm, own, config.out / "ablation" / f"{arm.value}-{name}", tuning)


def _find_raw(config: DistillConfig) -> Path:
    if config.ablation.raw_release is None:
        raise InputError(
            "the arm raw has no release, expected ablation.raw_release: make one of the same store without the "
            "curation, `tracewright release create STORE --name raw --out DIR`"
        )
    return config.ablation.raw_release


def match_tokens(config: DistillConfig, raw: Path) -> int:
    """Steps on the raw release in which as many tokens are read as in the config's own: its texts may be longer."""
    curated, own = (_mean_length(config.teacher, release, config.levels) for release in (config.release, raw))
    return max(1, round(config.training.steps * curated / own))


@lru_cache
def _mean_length(teacher_name: str, release: Path, levels: tuple[int, ...] | None) -> float:
    """Of an example, in tokens."""
    from tracewright.distill.data import read_lessons
    from tracewright.distill.targets import load_teacher

    teacher = load_teacher(teacher_name, weights=False)
    limit = int(teacher.config.max_position_embeddings)
    lessons = read_lessons(open_release(release), teacher.tokenizer, levels=levels, max_tokens=limit).lessons
    return sum(map(len, lessons)) / len(lessons)


def list_tuning_jobs(config: DistillConfig) -> list[Job]:
    """A student for each arm and learning rate; none where there is nothing to choose."""
    rates = config.ablation.learning_rates
    if len(rates) == 1:
        return []
    return [make_job(config, arm, TUNING_SEED, rate) for arm in config.ablation.arms for rate in rates]


def list_jobs(config: DistillConfig, rates: Mapping[Arm, float]) -> list[Job]:
    """The students that are compared."""
    seeds, arms = range(config.ablation.seeds), config.ablation.arms
    return [make_job(config, arm, seed, rates[arm]) for seed in seeds for arm in arms]


def choose_rates(
    config: DistillConfig, jobs: Sequence[Job], answers: Mapping[Path, Sequence[bool]]
) -> dict[Arm, float]:
    """The learning rate of each arm whose student solved most."""
    if not jobs:
        return dict.fromkeys(config.ablation.arms, config.ablation.learning_rates[0])
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


def read_seconds(folder: Path) -> float:
    """Processor time that a finished job took, its answers included."""
    return float(json.loads((folder / ANSWERS).read_text())["processor_seconds"])
