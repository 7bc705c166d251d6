"""What a training ends with: the checkpoint, its card and its manifest; and whether what is there is this run's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

import tracewright
from tracewright.distill.cards import write_student_card
from tracewright.distill.checkpoint import save_checkpoint
from tracewright.distill.code_version import hash_code
from tracewright.distill.course import Course
from tracewright.distill.first_weights import Untrained
from tracewright.distill.manifest import FORMAT, MANIFEST, TrainingManifest, read_training_manifest, write_whole
from tracewright.distill.memory import MemoryMeter
from tracewright.distill.processes import Processes
from tracewright.distill.progress import Position
from tracewright.distill.state import STATE
from tracewright.distill.student import count_parameters
from tracewright.schemas import InputError, IntegrityError

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Outcome:
    """How a training went."""

    position: Position
    losses: dict[str, float]
    """Means over the last steps."""
    memory: MemoryMeter


def check_same_run(finished: TrainingManifest, course: Course, out: Path) -> TrainingManifest:
    """The manifest of a finished student that is this run's.

    Raises:
        InputError: it is another run's.
        IntegrityError: its weights are not those that it says.
    """
    if finished.run != course.run:
        raise InputError(
            f"{out} holds the student of another run ({finished.run} from {finished.release}, expected {course.run}): "
            "choose another `out`, or remove that folder"
        )
    if _hash_weights(out) != finished.weights_sha256:
        raise IntegrityError(f"{out / WEIGHTS} is not what {out / MANIFEST} says: remove {out} and train again")
    return finished


def finish_student(
    course: Course, processes: Processes, untrained: Untrained, outcome: Outcome, out: Path
) -> TrainingManifest:
    """Write checkpoint, card and, last of all, manifest; of several processes one writes and all wait for it."""
    if processes.is_main:
        _write(course, processes, untrained, outcome, out)
    processes.wait()
    manifest = read_training_manifest(out)
    assert manifest is not None  # noqa: S101
    return manifest


def _write(course: Course, processes: Processes, untrained: Untrained, outcome: Outcome, out: Path) -> None:
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
        device=processes.device.type,
        processes=processes.count,
        weights_sha256=str(_hash_weights(out)),
        final_losses=outcome.losses,
        tokens=outcome.position.tokens,
        seconds=round(outcome.position.seconds, 3),
        predicted_memory_bytes=outcome.memory.predicted,
        added_memory_bytes=outcome.memory.added,
        peak_memory_bytes=outcome.memory.peak,
    )
    write_student_card(out, written)
    write_whole(out / MANIFEST, written)
    (out / STATE).unlink(missing_ok=True)


def _hash_weights(out: Path) -> str | None:
    path = out / WEIGHTS
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
