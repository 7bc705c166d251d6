"""A distillation in stages: each is a training of its own, in a folder of its own, from the student before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tracewright.distill.cards import write_student_card
from tracewright.distill.config import DistillConfig
from tracewright.distill.course import WHOLE, Part
from tracewright.distill.loss_curve import LossRecord, read_losses
from tracewright.distill.manifest import MANIFEST, TrainingManifest, read_training_manifest, write_whole
from tracewright.distill.processes import join_processes
from tracewright.distill.progress import TrainingStep
from tracewright.distill.stage_config import StageConfig
from tracewright.distill.training import train_student
from tracewright.schemas import InputError

STAGES = "stages"
"""Beside the student: a folder for each stage but the last."""
_TENTHS = 10
_ENOUGH_RECORDS = 20


def run_training(
    config: DistillConfig, out: Path, report: Callable[[TrainingStep], None] = lambda _: None
) -> TrainingManifest:
    """The config's training, at once or in stages; the result is in `out`.

    A killed run goes on in the stage where it was; a stage that is finished is taken, also when later ones are changed.

    Raises:
        InputError, IntegrityError: as `train_student`; or a stage with trace terms would follow one that has not
            converged.
    """
    if not config.stages:
        return train_student(config, out, report)
    steps = [stage.steps or config.training.steps for stage in config.stages]
    start: Path | None = None
    warnings: list[str] = []
    done_in: list[Path] = []
    for number, stage in enumerate(config.stages):
        warnings += _check_trace_terms(config.stages[: number + 1], done_in)
        folder = out.parent / STAGES / out.name / f"{number + 1}-{stage.name}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Part(sum(steps[:number]) / sum(steps), sum(steps[: number + 1]) / sum(steps))
        own, done, total = derive_config(config, stage), sum(steps[:number]), sum(steps)

        def told(step: TrainingStep, done: int = done, total: int = total) -> None:
            report(replace(step, step=done + step.step, total_steps=total))

        train_student(own, folder, told, start=start, part=part if len(steps) > 1 else WHOLE, stage=stage)
        start = folder
        done_in.append(folder)
    assert start is not None  # noqa: S101
    processes = join_processes()
    if processes.is_main:
        _publish(start, out, tuple(warnings))
    processes.wait()
    manifest = read_training_manifest(out)
    assert manifest is not None  # noqa: S101
    return manifest


def derive_config(config: DistillConfig, stage: StageConfig) -> DistillConfig:
    """A stage's own: its losses, steps and rate; only the first makes a student."""
    update: dict[str, object] = {"steps": stage.steps or config.training.steps}
    if stage.learning_rate is not None:
        update["learning_rate"] = stage.learning_rate
    training = config.training.model_copy(update=update)
    return config.model_copy(update={"losses": stage.losses, "training": training, "stages": (), "control": False})


def _check_trace_terms(stages: Sequence[StageConfig], folders: Sequence[Path]) -> list[str]:
    """Where the last of these stages is the first with trace terms: whether the attention before it has converged."""
    *before, stage = stages
    if not stage.has_trace_terms or any(one.has_trace_terms for one in before):
        return []
    attention = [pair for pair in zip(before, folders, strict=True) if pair[0].losses.attention.weight]
    return check_converged(*attention[-1]) if attention else []


def check_converged(stage: StageConfig, folder: Path) -> list[str]:
    """What is to be warned of where trace terms follow this stage.

    Raises:
        InputError: it has not converged, and that was required.
    """
    fall = measure_fall(read_losses(folder), stage)
    if fall is not None and fall <= stage.converged.tolerance:
        return []
    how = "is too short to say" if fall is None else f"its loss still fell by {fall:.1%} over the last tenth of it"
    message = (
        f"the stage {stage.name} has not converged: {how}, expected at most {stage.converged.tolerance:.1%} before "
        "trace terms are switched on"
    )
    if stage.converged.required:
        raise InputError(
            f"{message}. Give it more steps, or go on nevertheless with `converged: {{required: false}}` in that stage"
        )
    return [message]


def measure_fall(records: tuple[LossRecord, ...], stage: StageConfig) -> float | None:
    """How much the weighted loss fell between the tenth before the last and the last tenth of a training, relatively;
    None where there are too few records."""
    if len(records) < _ENOUGH_RECORDS:
        return None
    losses = stage.losses
    weights = {name: getattr(losses, name).weight for name in ("output", "attention", "hidden", "trace")}
    totals = [sum(weights.get(name, 0.0) * value for name, value in record.losses.items()) for record in records]
    tenth = max(1, len(totals) // _TENTHS)
    before, last = (sum(part) / tenth for part in (totals[-2 * tenth : -tenth], totals[-tenth:]))
    return (before - last) / before if before else 0.0


def _publish(stage: Path, out: Path, warnings: tuple[str, ...]) -> None:
    """The last stage's student as the result; copied aside first, the manifest last."""
    manifest = read_training_manifest(stage)
    assert manifest is not None  # noqa: S101
    written = manifest.model_copy(update={"warnings": (*manifest.warnings, *warnings)})
    known = read_training_manifest(out)
    if known is not None:
        if known.run != written.run:
            raise InputError(
                f"{out} holds the student of another run ({known.run}, expected {written.run}): choose another `out`, "
                "or remove that folder"
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(stage.iterdir()):
        if file.is_file() and file.name != MANIFEST:
            shutil.copy2(file, out / file.name)
    write_student_card(out, written)
    write_whole(out / MANIFEST, written)
