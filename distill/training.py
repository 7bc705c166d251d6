"""One student's training: a release and its teacher in, a checkpoint with its loss curve and manifest out."""

from __future__ import annotations

import fcntl
import hashlib
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import tracewright
from tracewright.distill.cards import write_student_card
from tracewright.distill.checkpoint import save_checkpoint
from tracewright.distill.code_version import hash_code
from tracewright.distill.config import DistillConfig, TrainingConfig
from tracewright.distill.course import WHOLE, Course, Part, prepare_course
from tracewright.distill.data import Lesson
from tracewright.distill.first_weights import Untrained, make_student
from tracewright.distill.grpo import GrpoStep, read_position, remove_saved, train_by_grpo
from tracewright.distill.learning import Learner, Totals, learn_batch
from tracewright.distill.lesson_order import draw_batches
from tracewright.distill.loss_config import LossConfig
from tracewright.distill.loss_curve import LossCurve
from tracewright.distill.manifest import FORMAT, MANIFEST, TrainingManifest, read_training_manifest, write_whole
from tracewright.distill.memory import measure_peak_memory, predict_memory
from tracewright.distill.on_policy import make_on_policy_step
from tracewright.distill.optimization import Optimizer
from tracewright.distill.ppo import make_ppo_step
from tracewright.distill.progress import Clock, Position, TrainingStep
from tracewright.distill.stage_config import RewardConfig, StageConfig
from tracewright.distill.state import STATE, load_state, save_state
from tracewright.distill.student import count_parameters
from tracewright.distill.teaching import TeachingSource
from tracewright.schemas import InputError, IntegrityError

WEIGHTS = "model.safetensors"
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
    course = prepare_course(config, start, part, stage)
    finished = read_training_manifest(out)
    if finished is not None:
        return _check_same_run(finished, course, out)
    out.mkdir(parents=True, exist_ok=True)
    with _hold(out):
        untrained = make_student(course)
        learner = make_learner(course, untrained.model)
        reward = stage.reward if stage else None
        if reward is not None and reward.method == "grpo":
            position, losses = _run_grpo(course, learner, reward, out, report)
            manifest = _finish(course, untrained, position, losses, out)
            remove_saved(out)
            return manifest
        rate = reward.learning_rate if reward else config.training.learning_rate
        optimizer = Optimizer(learner, rate, config.training.steps, muon=reward is None)
        position = load_state(out, course.run, learner, optimizer)
        position, losses = _run(course, learner, optimizer, position, out, report)
        return _finish(course, untrained, position, losses, out)


def make_learner(course: Course, model: Any) -> Learner:
    """The student with what is learnt beside it, on the device that there is."""
    if course.pairs.attention or course.max_tokens <= _EAGER_MAX_TOKENS:
        model.set_attn_implementation("eager")
    width = int(course.teacher.config.hidden_size)
    reward = course.stage.reward if course.stage else None
    with_value = reward is not None and reward.method == "ppo"
    return Learner(model, course.teacher.vocabulary, course.pairs, width, with_value=with_value).train()


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


def _check_same_run(finished: TrainingManifest, course: Course, out: Path) -> TrainingManifest:
    if finished.run != course.run:
        raise InputError(
            f"{out} holds the student of another run ({finished.run} from {finished.release}, expected {course.run}): "
            "choose another `out`, or remove that folder"
        )
    if _hash_weights(out) != finished.weights_sha256:
        raise IntegrityError(f"{out / WEIGHTS} is not what {out / MANIFEST} says: remove {out} and train again")
    return finished


def _hash_weights(out: Path) -> str | None:
    path = out / WEIGHTS
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _run(
    course: Course,
    learner: Learner,
    optimizer: Optimizer,
    position: Position,
    out: Path,
    report: Callable[[TrainingStep], None],
) -> tuple[Position, dict[str, float]]:
    """Train from a position to the end; gives the last means of the losses."""
    settings, output = course.config.training, course.config.losses.output
    clock, curve = Clock(position), LossCurve(out, position.step, board=settings.tensorboard)
    learn = _choose_step(course, learner, optimizer, position.step)
    for step in range(position.step + 1, settings.steps + 1):
        fraction = course.part.fraction(step, settings.steps)
        parts = learn(step, fraction)
        tokens = int(parts.pop("tokens"))
        rate = optimizer.rate * optimizer.step()
        position = clock.advance(tokens)
        curve.add(step, parts, rate, clock.tokens_per_second)
        temperature = output.temperature * output.schedule.factor(fraction) if output.weight else None
        speed, left = clock.tokens_per_second, clock.left(settings.steps)
        report(TrainingStep(step, settings.steps, parts, rate, speed, left, temperature, course.stage_name))
        if step % settings.checkpoint_every == 0 and step < settings.steps:
            save_state(out, course.run, position, learner, optimizer)
    return position, curve.close()


def _choose_step(
    course: Course, learner: Learner, optimizer: Optimizer, done: int
) -> Callable[[int, float], dict[str, Any]]:
    """What happens in a step: a function (step, fraction of the training) → parts of the loss, and tokens read."""
    if course.stage is not None and course.stage.reward is not None:
        return make_ppo_step(course, learner, optimizer, course.stage.reward, done)
    if course.stage is not None and course.stage.on_policy is not None:
        return make_on_policy_step(course, learner, course.stage.on_policy, done)
    settings, source = course.config.training, TeachingSource(course)
    batches = draw_batches(course.data.lessons, settings, start=done)

    def learn(step: int, fraction: float) -> dict[str, Any]:
        lessons = next(batches)
        parts = _learn_in_parts(learner, lessons, settings, course.config.losses, source, fraction)
        return parts | {"tokens": sum(map(len, lessons))}

    return learn


def _run_grpo(
    course: Course, learner: Learner, reward: RewardConfig, out: Path, report: Callable[[TrainingStep], None]
) -> tuple[Position, dict[str, float]]:
    steps, position = course.config.training.steps, read_position(out)
    clock, curve = Clock(position), LossCurve(out, position.step, board=course.config.training.tensorboard)

    def told(now: GrpoStep) -> None:
        nonlocal position
        position = clock.advance(now.tokens - position.tokens)
        curve.add(now.step, now.parts, now.learning_rate, clock.tokens_per_second)
        speed, left = clock.tokens_per_second, clock.left(steps)
        report(TrainingStep(now.step, steps, now.parts, now.learning_rate, speed, left, None, course.stage_name))

    losses = train_by_grpo(course, learner.student, reward, out, told)
    curve.close()
    return position, losses


def _learn_in_parts(
    learner: Learner,
    lessons: list[Lesson],
    settings: TrainingConfig,
    losses: LossConfig,
    source: TeachingSource,
    fraction: float,
) -> dict[str, float]:
    """One batch, a few of its lessons at a time: every part is divided by the whole batch's sums."""
    totals = Totals.of(lessons, losses)
    size = -(-len(lessons) // settings.accumulate)
    sums: defaultdict[str, float] = defaultdict(float)
    for start in range(0, len(lessons), size):
        some = lessons[start : start + size]
        taught = source.of(some, fraction)
        parts = learn_batch(learner, some, losses, taught, fraction=fraction, totals=totals, packing=settings.packing)
        for name, value in parts.items():
            sums[name] += value
    return dict(sums)


def _finish(
    course: Course, untrained: Untrained, position: Position, losses: dict[str, float], out: Path
) -> TrainingManifest:
    model = untrained.finish().eval()
    save_checkpoint(model, course.teacher.tokenizer, out)
    config, manifest = course.config, course.release.manifest
    written = TrainingManifest(
        format=FORMAT,
        run=course.run,
        release=f"{manifest.name}@{manifest.version}",
        release_digest=manifest.digest,
        teacher=course.teacher.name,
        teacher_revision=course.teacher.identity.revision,
        tokenizer_hash=course.teacher.identity.tokenizer_hash,
        levels=config.levels,
        student=config.student,
        losses=config.losses,
        training=config.training,
        stage=course.stage,
        code_version=tracewright.__version__,
        code_sha256=hash_code(),
        warnings=course.warnings,
        shape=course.shape,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        teacher_parameters=count_parameters(course.teacher.config),
        licenses=tuple(sorted(manifest.licenses)),
        examples=len(course.data.lessons),
        learnt_tokens=course.data.learnt_tokens,
        left_out=course.data.left_out,
        torch_version=torch.__version__,
        weights_sha256=str(_hash_weights(out)),
        final_losses=losses,
        tokens=position.tokens,
        seconds=round(position.seconds, 3),
        predicted_memory_bytes=predict_memory(course, model),
        peak_memory_bytes=measure_peak_memory(),
    )
    write_student_card(out, written)
    write_whole(out / MANIFEST, written)
    (out / STATE).unlink(missing_ok=True)
    return written
