"""One student's training: a release and its teacher in, a checkpoint with its loss curve and manifest out."""

from __future__ import annotations

import fcntl
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from tracewright.distill.config import DistillConfig, TrainingConfig
from tracewright.distill.course import WHOLE, Course, Part, prepare_course
from tracewright.distill.data import Lesson
from tracewright.distill.engine_scores import EngineScores
from tracewright.distill.finished import Outcome, check_same_run, finish_student
from tracewright.distill.first_weights import Untrained, make_student
from tracewright.distill.grpo import GrpoStep, read_position, remove_saved, train_by_grpo
from tracewright.distill.learning import Learner, Totals, learn_batch
from tracewright.distill.lesson_order import draw_batches
from tracewright.distill.loss_config import LossConfig
from tracewright.distill.loss_curve import LossCurve
from tracewright.distill.manifest import TrainingManifest, read_training_manifest
from tracewright.distill.memory import MemoryMeter, predict_memory
from tracewright.distill.on_policy import make_on_policy_step
from tracewright.distill.optimization import Muon, Optimizer
from tracewright.distill.ppo import make_ppo_step
from tracewright.distill.processes import Processes, join_processes, shard, whole
from tracewright.distill.progress import Clock, Position, TrainingStep
from tracewright.distill.stage_config import RewardConfig, StageConfig
from tracewright.distill.state import load_state, save_state
from tracewright.distill.teaching import TeachingSource
from tracewright.schemas import InputError

_EAGER_MAX_TOKENS = 1024
"""Up to this length plain attention is used: at 90 tokens it trained a student of 84,000 parameters at 55,000 tokens a
second where the fused CPU kernel reached 40,000. Its memory grows with the square of the length."""


def train_student(
    config: DistillConfig,
    out: Path,
    report: Callable[[TrainingStep], None] = lambda _: None,
    *,
    start: Path | None = None,
    part: Part = WHOLE,
    stage: StageConfig | None = None,
) -> TrainingManifest:
    """Train the config's student into `out`, go on with a killed run there, or take the finished one that is there.

    The same config, release, teacher, machine and number of threads give the same weights, however often the run was
    killed and started again. `out` holds only safetensors, JSON and text.

    Args:
        config: of the run; its stages are not looked at.
        out: the student's folder.
        report: told of every step.
        start: the checkpoint that an earlier stage left.
        part: of a whole training, for the temperature's schedule.
        stage: where it learns from its own texts.

    Raises:
        InputError: release, teacher and config don't fit each other, `out` holds another run's student, or another
            process is training there.
        IntegrityError: the release, or what is in `out`, is damaged.
    """
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    processes = join_processes()
    course = prepare_course(config, start, part, stage)
    finished = read_training_manifest(out)
    if finished is not None:
        return check_same_run(finished, course, out)
    if processes.count > 1 and stage is not None and (stage.reward or stage.on_policy):
        raise InputError(
            f"the stage {stage.name} learns from what the student writes, which {processes.count} processes can't do "
            "together: run the stages before it with accelerate, then `tracewright distill` for this one"
        )
    out.mkdir(parents=True, exist_ok=True)
    with _hold(out) if processes.is_main else nullcontext():
        manifest = _train(course, processes, out, report)
    processes.wait()
    return manifest


def _train(course: Course, processes: Processes, out: Path, report: Callable[[TrainingStep], None]) -> TrainingManifest:
    config, untrained = course.config, make_student(course)
    memory = MemoryMeter(predict_memory(course, untrained.model), processes.device)
    learner = make_learner(course, untrained.model, processes)
    reward = course.stage.reward if course.stage else None
    if reward is not None and reward.method == "grpo":
        position, losses = _run_grpo(course, learner, reward, memory, out, report)
        manifest = finish_student(course, processes, untrained, Outcome(position, losses, memory), out)
        remove_saved(out)
        return manifest
    rate = reward.learning_rate if reward else config.training.learning_rate
    optimizer = Optimizer(learner, rate, config.training.steps, muon=Muon if reward is None else None)
    position = load_state(out, course.run, learner, optimizer)
    position, losses = _run(course, processes, learner, optimizer, memory, position, out, report)
    whole_student = _gather(course, untrained, processes)
    return finish_student(course, processes, whole_student, Outcome(position, losses, memory), out)


def make_learner(course: Course, model: Any, processes: Processes) -> Learner:
    """The student with what is learnt beside it, on the device that there is, spread over the processes."""
    if course.pairs.attention or course.max_tokens <= _EAGER_MAX_TOKENS:
        model.set_attn_implementation("eager")
    width = int(course.teacher.config.hidden_size)
    reward = course.stage.reward if course.stage else None
    with_value = reward is not None and reward.method == "ppo"
    learner = Learner(
        model,
        course.teacher.vocabulary,
        course.pairs,
        width,
        with_value=with_value,
        in_bfloat16=processes.has_bfloat16,
    )
    learner.to(processes.device).train()
    if course.teacher.model is not None:
        course.teacher.model.to(processes.device)
    shard(learner, model.base_model.layers, processes)
    return learner


def _gather(course: Course, untrained: Untrained, processes: Processes) -> Untrained:
    """The learnt student, whole again."""
    if processes.count == 1:
        return untrained
    tensors = {name: whole(value) for name, value in untrained.model.state_dict().items()}
    again = make_student(course)
    again.model.load_state_dict(tensors)
    return again


@contextmanager
def _hold(out: Path) -> Generator[None]:
    """The folder for one training at a time; the kernel lets go of it when the process ends, however it ends."""
    with out.with_name(f".{out.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process is training {out}: wait for it to end, or choose another `out`"
            ) from error
        yield


def _run(
    course: Course,
    processes: Processes,
    learner: Learner,
    optimizer: Optimizer,
    memory: MemoryMeter,
    position: Position,
    out: Path,
    report: Callable[[TrainingStep], None],
) -> tuple[Position, dict[str, float]]:
    """Train from a position to the end; gives the last means of the losses."""
    settings, output = course.config.training, course.config.losses.output
    board, write = settings.tensorboard, processes.is_main
    clock, curve = Clock(position), LossCurve(out, position.step, board=board, write=write)
    with _choose_step(course, processes, learner, optimizer, position.step, out) as learn:
        for step in range(position.step + 1, settings.steps + 1):
            fraction = course.part.fraction(step, settings.steps)
            parts = learn(step, fraction)
            tokens = int(parts.pop("tokens"))
            rate = optimizer.rate * optimizer.step()
            position = clock.advance(tokens)
            temperature = output.temperature * output.schedule.factor(fraction) if output.weight else None
            speed, left = clock.tokens_per_second, clock.left(settings.steps)
            now = TrainingStep(
                step,
                settings.steps,
                parts,
                rate,
                speed,
                left,
                temperature,
                course.stage_name,
                memory.added,
                memory.predicted,
            )
            curve.add(now)
            if write:
                report(now)
            if step % settings.checkpoint_every == 0 and step < settings.steps:
                save_state(out, course.run, position, learner, optimizer, write=write)
    return position, curve.close()


@contextmanager
def _choose_step(
    course: Course, processes: Processes, learner: Learner, optimizer: Optimizer, done: int, out: Path
) -> Generator[Callable[[int, float], dict[str, Any]]]:
    """What happens in a step: a function (step, fraction of the training) → parts of the loss, and tokens read."""
    if course.stage is not None and course.stage.reward is not None:
        yield make_ppo_step(course, learner, optimizer, course.stage.reward, done)
        return
    if course.stage is not None and course.stage.on_policy is not None:
        output, log = course.config.losses.output, out.with_name(f".{out.name}.teacher.log")
        with EngineScores(course.teacher, course.stage.on_policy, output, log) as teacher:
            yield make_on_policy_step(course, learner, course.stage.on_policy, done, teacher)
        log.unlink()  # an engine that failed has left it
        return
    settings, source = course.config.training, TeachingSource(course, processes.device)
    batches = draw_batches(course.data.lessons, settings, start=done)

    def learn(step: int, fraction: float) -> dict[str, Any]:
        lessons = next(batches)
        parts = _learn_in_parts(learner, processes, lessons, settings, course.config.losses, source, fraction)
        return parts | {"tokens": sum(map(len, lessons))}

    yield learn


def _run_grpo(
    course: Course,
    learner: Learner,
    reward: RewardConfig,
    memory: MemoryMeter,
    out: Path,
    report: Callable[[TrainingStep], None],
) -> tuple[Position, dict[str, float]]:
    steps, position = course.config.training.steps, read_position(out)
    clock, curve = Clock(position), LossCurve(out, position.step, board=course.config.training.tensorboard)

    def told(now: GrpoStep) -> None:
        nonlocal position
        position = clock.advance(now.tokens - position.tokens)
        speed, left, rate, stage = clock.tokens_per_second, clock.left(steps), now.learning_rate, course.stage_name
        taken = TrainingStep(now.step, steps, now.parts, rate, speed, left, None, stage, memory.added, memory.predicted)
        curve.add(taken)
        report(taken)

    losses = train_by_grpo(course, learner.student, reward, out, told)
    curve.close()
    return position, losses


def _learn_in_parts(
    learner: Learner,
    processes: Processes,
    lessons: list[Lesson],
    settings: TrainingConfig,
    losses: LossConfig,
    source: TeachingSource,
    fraction: float,
) -> dict[str, float]:
    """One batch, a few of its lessons at a time, each process its share of them: every part is divided by the whole
    batch's sums."""
    totals = Totals.of(lessons, losses)
    size = -(-len(lessons) // settings.accumulate)
    sums: defaultdict[str, float] = defaultdict(float)
    for start in range(0, len(lessons), size):
        part = lessons[start : start + size]
        own, scale = processes.share(part), processes.scale(part)
        parts = learn_batch(
            learner,
            own,
            losses,
            source.of(own, fraction),
            fraction=fraction,
            totals=totals,
            packing=settings.packing,
            scale=scale,
        )
        for name, value in processes.add_up(parts, scale).items():
            sums[name] += value
    return dict(sums)
