"""A release → a student, its control and its int8 version: the `distill` flow, and the end of the main job."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from tracewright import __version__
from tracewright.distill.cards import write_quantized_card, write_student_card
from tracewright.distill.comparison import (
    CONTROL,
    QUANTIZED,
    STUDENT,
    TEACHER,
    DemoStudents,
    make_contender,
    select_answers,
)
from tracewright.distill.config import DistillConfig, TrainingConfig
from tracewright.distill.evaluation import Evaluation
from tracewright.distill.loss_config import LossConfig
from tracewright.distill.manifest import TrainingManifest
from tracewright.distill.progress import Stopwatch, TrainingStep
from tracewright.distill.quantization_report import QuantizationReport
from tracewright.distill.training_process import train_in_process
from tracewright.distill.version_config import DEFAULT_SETTINGS, QuantizeSettings
from tracewright.flows.evaluate import Asking, evaluate, start_engines
from tracewright.flows.interrupts import stop_on_interrupt
from tracewright.flows.progress import StageProgress, say, show_progress
from tracewright.flows.unrecorded import Unrecorded
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.release import open_release
from tracewright.schemas import Problem, TrainingError, make_id

STUDENT_FOLDER, CONTROL_FOLDER, QUANTIZED_FOLDER = "student", "control", "student-int8"
STUDENT_LEVELS = (1, 2)
"""The operators of the problems that the main job's students learn and are asked."""
_DEMO_STEPS = 2600
_DEMO_STEPS_PER_PROBLEM = 0.5
"""About thirty passes over the traces of 1 and 2 operators; a small demo trains as long on each of its few traces."""
_DEMO_LOSSES = LossConfig.of(output=0.5, trace=0.5)
_DEMO_MAX_TOKENS = 160
"""The longest solution of two operators has about 100 tokens; what goes on beyond is lost in a loop."""
_FOLDER_DIGITS = 12
_HELD_OUT = "held out"


@flow(name="distill", validate_parameters=False)
def distill(config: DistillConfig) -> dict[str, TrainingManifest]:
    """Train the config's student, and its control where it asks for one; a killed run goes on, a finished one is taken.

    The two run side by side, each in a process of its own.
    """
    open_release(config.release)  # what is missing or withdrawn is said before processes are started for it
    arms = {STUDENT_FOLDER: config}
    if config.control:
        arms[CONTROL_FOLDER] = config.as_control
    with stop_on_interrupt(), show_progress() as progress:
        lines = {name: StageProgress(progress, f"train {name}", arm.total_steps) for name, arm in arms.items()}
        runs = {name: train.submit(arm, config.out / name, lines[name]) for name, arm in arms.items()}
        manifests = {name: run.result() for name, run in runs.items()}
    rows = [{"arm": name, "run": m.run, "seconds": m.seconds, **m.final_losses} for name, m in manifests.items()]
    create_table_artifact(rows, key="training", description=f"Students of {config.release.name}")
    return manifests


def training_died(_task: object, _run: object, state: State[object]) -> bool:
    """A retry helps where the process died, and only there: bad input stays bad."""
    return isinstance(state.result(raise_on_failure=False), TrainingError)


@task(retries=1, retry_condition_fn=training_died, cache_policy=NO_CACHE)
def train(config: DistillConfig, out: Path, stage: StageProgress) -> TrainingManifest:
    """One arm. A retry goes on from the last saved state."""
    log = config.out / "logs" / f"{out.name}.log"
    manifest = train_in_process(config, out, log, lambda step: stage.update(step.step, describe_step(step)))
    losses = ", ".join(f"{name} {value:.4f}" for name, value in manifest.final_losses.items())
    for warning in manifest.warnings:
        say(f"{out.name}: {warning}")
    memory = describe_memory(manifest.added_memory_bytes, manifest.predicted_memory_bytes)
    stage.finish(config.total_steps, f"{losses}, {manifest.parameters:,} parameters, {memory}")
    return manifest


def describe_step(step: TrainingStep) -> str:
    """Loss parts, learning rate, temperature, speed and memory, in words that fit a line."""
    losses = ", ".join(f"{name} {value:.4f}" for name, value in step.losses.items())
    where = f"{step.stage}: " if step.stage else ""
    temperature = f", T {step.temperature:g}" if step.temperature is not None else ""
    memory = describe_memory(step.memory_bytes, step.predicted_memory_bytes)
    return f"{where}{losses}, lr {step.learning_rate:.4g}{temperature}, {step.tokens_per_second:,.0f} tok/s, {memory}"


def describe_memory(taken: int, predicted: int) -> str:
    """The peak that a training added to its process, beside what was expected."""
    return f"{taken / 2**20:,.0f} MiB ({predicted / 2**20:,.0f} predicted)"


@flow(name="quantize", validate_parameters=False)
def quantize(
    checkpoint: Path, release: Path, out: Path, settings: QuantizeSettings = DEFAULT_SETTINGS
) -> QuantizationReport:
    """The checkpoint's version in int8 or int4."""
    from transformers.utils import logging

    from tracewright.distill.quantize import quantize_checkpoint

    logging.disable_progress_bar()
    with stop_on_interrupt(), show_progress() as progress:
        stage = StageProgress(progress, "quantize", None)
        report = quantize_checkpoint(
            checkpoint, release, out, lambda done, total: stage.update(done, "layers", total), settings
        )
        stage.finish(len(report.layers), f"{report.size_ratio:.1%} of the bytes")
    create_table_artifact([layer.model_dump() for layer in report.layers], key="quantized-layers")
    return report


def distill_demo(
    release_dir: Path,
    out: Path,
    teacher_evaluation: Evaluation,
    problems: list[Problem],
    training: TrainingConfig,
) -> DemoStudents:
    """Student, control and int8 student of a release by the embedded teacher, compared with it on held-out problems.

    Run again it takes what is there: finished students, the quantized one, answers already given.

    Args:
        release_dir: the release.
        out: the folder that gets the students, in a folder of their own for each release and each way of training.
        teacher_evaluation: the teacher's greedy answers to at least these problems.
        problems: held-out ones; every model is asked the same.
        training: how both students are trained.
    """
    config = demo_config(release_dir, out, training)
    asking = Asking(problems, max_tokens=_DEMO_MAX_TOKENS)
    logs = config.out / "logs"
    seconds = Stopwatch()
    manifests = distill(config)
    seconds.stop("distill")
    paths = {CONTROL: config.out / CONTROL_FOLDER, STUDENT: config.out / STUDENT_FOLDER}
    with ExitStack() as engines:
        candidates = engines.enter_context(start_engines(paths, asking, logs))
        paths[QUANTIZED] = config.out / QUANTIZED_FOLDER
        report = quantize(paths[STUDENT], release_dir, paths[QUANTIZED])
        seconds.stop("quantize")
        candidates |= engines.enter_context(start_engines({QUANTIZED: paths[QUANTIZED]}, asking, logs))
        evaluations = evaluate(paths, Unrecorded(asking), logs, Unrecorded(candidates))
    seconds.stop("evaluate")
    students = DemoStudents(
        teacher=make_contender(TEACHER, embedded.checkpoint_path(), select_answers(teacher_evaluation, problems)),
        control=make_contender(CONTROL, paths[CONTROL], evaluations[CONTROL]),
        student=make_contender(STUDENT, paths[STUDENT], evaluations[STUDENT]),
        quantized=make_contender(QUANTIZED, paths[QUANTIZED], evaluations[QUANTIZED]),
        student_manifest=manifests[STUDENT_FOLDER],
        control_manifest=manifests[CONTROL_FOLDER],
        quantization=report,
        seconds=seconds.stages,
    )
    write_cards(students)
    return students


def demo_training(problems: int) -> TrainingConfig:
    """How both students of the main job are trained, side by side on one thread each."""
    return TrainingConfig(steps=min(_DEMO_STEPS, round(problems * _DEMO_STEPS_PER_PROBLEM)), threads=1)


def demo_config(release_dir: Path, out: Path, training: TrainingConfig) -> DistillConfig:
    """The main job's config, with a folder of its own for each release and each way of training."""
    digest = open_release(release_dir).manifest.digest
    config = DistillConfig(
        release=release_dir.resolve(),
        out=out,
        levels=STUDENT_LEVELS,
        losses=_DEMO_LOSSES,
        training=training,
        control=True,
    )
    settings = config.model_dump(mode="json", exclude={"release", "out"})
    return config.model_copy(update={"out": out.resolve() / make_id(digest, settings, __version__)[:_FOLDER_DIGITS]})


def write_cards(students: DemoStudents) -> None:
    """The cards of what was made, with the figures that are known now."""
    student, control, quantized = students.student, students.control, students.quantized
    write_student_card(student.checkpoint, students.student_manifest, student.evaluation, _HELD_OUT)
    write_student_card(control.checkpoint, students.control_manifest, control.evaluation, _HELD_OUT)
    change = students.quantization_change
    write_quantized_card(quantized.checkpoint, students.quantization, quantized.evaluation, change, _HELD_OUT)
