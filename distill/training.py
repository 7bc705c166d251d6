"""One student's training: a release and its teacher in, a checkpoint with its loss curve and manifest out."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import tracewright
from tracewright.distill.batches import IGNORED, batch_by_length, collate
from tracewright.distill.cards import write_student_card
from tracewright.distill.checkpoint import save_checkpoint
from tracewright.distill.config import DistillConfig, LossConfig
from tracewright.distill.course import Course, prepare_course
from tracewright.distill.data import Lesson
from tracewright.distill.loss_curve import LossCurve
from tracewright.distill.losses import Outcomes, Positions, TokenLosses, measure_tokens
from tracewright.distill.manifest import FORMAT, MANIFEST, TrainingManifest, read_training_manifest, write_whole
from tracewright.distill.optimization import Optimizer
from tracewright.distill.progress import Clock, Position, TrainingStep
from tracewright.distill.state import STATE, load_state, save_state
from tracewright.distill.student import build_student, count_parameters
from tracewright.distill.targets import TeacherLogits
from tracewright.schemas import InputError, IntegrityError

WEIGHTS = "model.safetensors"
_WINDOW = 2048
"""Examples that are sorted by length together."""
_LENGTH_MULTIPLE = 8
"""Lengths are padded to it: fewer shapes, each of which CPU kernels keep memory for."""
_EAGER_MAX_TOKENS = 1024
"""Up to this length plain attention is used: at 90 tokens it trained a student of 84,000 parameters at 55,000 tokens a
second where the fused CPU kernel reached 40,000. Its memory grows with the square of the length."""


def train_student(
    config: DistillConfig, out: Path, report: Callable[[TrainingStep], None] = lambda _: None
) -> TrainingManifest:
    """Train the config's student into `out`, go on with a killed run there, or take the finished one that is there.

    The same config, release, teacher, machine and number of threads give the same weights, however often the run was
    killed and started again. `out` holds only safetensors, JSON and text.

    Raises:
        InputError: release, teacher and config don't fit each other, `out` holds another run's student, or another
            process is training there.
        IntegrityError: the release, or what is in `out`, is damaged.
    """
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    course = prepare_course(config)
    finished = read_training_manifest(out)
    if finished is not None:
        return _check_same_run(finished, course, out)
    out.mkdir(parents=True, exist_ok=True)
    with _hold(out):
        model = build_student(course.teacher.config, course.shape, config.training.seed)
        if course.max_tokens <= _EAGER_MAX_TOKENS:
            model.set_attn_implementation("eager")
        optimizer = Optimizer(model, config.training.learning_rate, config.training.steps)
        position = load_state(out, course.run, model, optimizer)
        position, losses = _run(course, model, optimizer, position, out, report)
        return _finish(course, model, position, losses, out)


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


def _draw_batches(lessons: Sequence[Lesson], batch_size: int, seed: int, start: int) -> Iterator[list[Lesson]]:
    """Batches without end, each pass over the lessons in another order; the first `start` of them are passed over."""

    def passes() -> Iterator[Lesson]:
        for number in itertools.count():
            order = list(lessons)
            random.Random(f"{seed}/{number}").shuffle(order)  # noqa: S311 - reproducible, nothing secret
            yield from order

    rng = random.Random(seed)  # noqa: S311 - reproducible, nothing secret
    return itertools.islice(batch_by_length(passes(), batch_size=batch_size, window=_WINDOW, rng=rng), start, None)


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
    model: Any,
    optimizer: Optimizer,
    position: Position,
    out: Path,
    report: Callable[[TrainingStep], None],
) -> tuple[Position, dict[str, float]]:
    """Train from a position to the end; gives the last means of the losses."""
    settings = course.config.training
    targets = TeacherLogits(course.teacher, course.data.lessons) if course.config.losses.output else None
    clock = Clock(position)
    curve = LossCurve(out, position.step)
    batches = _draw_batches(course.data.lessons, settings.batch_size, settings.seed, start=position.step)
    for step, lessons in zip(range(position.step + 1, settings.steps + 1), batches, strict=False):
        wanted = targets.of(lessons) if targets else None
        parts = learn_batch(model, lessons, course.config.losses, wanted, course.teacher.vocabulary)
        rate = settings.learning_rate * optimizer.step()
        position = clock.advance(sum(map(len, lessons)))
        curve.add(step, parts, rate, clock.tokens_per_second)
        report(TrainingStep(step, settings.steps, parts, rate, clock.tokens_per_second, clock.left(settings.steps)))
        if step % settings.checkpoint_every == 0 and step < settings.steps:
            save_state(out, course.run, position, model, optimizer)
    return position, curve.close()


def learn_batch(
    model: Any,
    lessons: Sequence[Lesson],
    losses: LossConfig,
    teacher: Outcomes | None,
    vocabulary: int,
) -> dict[str, float]:
    """One batch: forward, losses over what the teacher wrote, backward; the gradients are in the model.

    Gives the parts of the loss.
    """
    batch = collate([lesson.example for lesson in lessons], pad_id=0, multiple=_LENGTH_MULTIPLE)
    labels_B_L = batch.labels_B_L[:, 1:]
    learnt_B_L = labels_B_L != IGNORED
    hidden_N_H = model.base_model(input_ids=batch.tokens_B_L).last_hidden_state[:, :-1][learnt_B_L]
    weights_N = torch.tensor([lesson.example.weight for lesson in lessons for _ in lesson.example.completion])
    positions = Positions(labels_B_L[learnt_B_L], weights_N, teacher)
    head_V_H = model.get_output_embeddings().weight[:vocabulary]
    loss = measure_tokens(hidden_N_H, head_V_H, positions, TokenLosses.of(losses))
    loss.total.backward()
    parts = {"trace": loss.trace.item()}
    return parts | {"output": loss.output.item()} if teacher else parts


def _finish(course: Course, model: Any, position: Position, losses: dict[str, float], out: Path) -> TrainingManifest:
    save_checkpoint(model.eval(), course.teacher.tokenizer, out)
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
        code_version=tracewright.__version__,
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
    )
    write_student_card(out, written)
    write_whole(out / MANIFEST, written)
    (out / STATE).unlink(missing_ok=True)
    return written
