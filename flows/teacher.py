"""Nothing → the embedded teacher: train, measure, calibrate, and say so on its card."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from tracewright.distill.checkpoint import save_checkpoint
from tracewright.distill.evaluation import Evaluation, evaluate_greedy
from tracewright.distill.teacher import TeacherTraining, TrainingProgress, train_teacher
from tracewright.distill.teacher_card import write_teacher_card, write_training_note
from tracewright.flows.progress import StageProgress, say, show_progress
from tracewright.pipeline.confidence import Calibration, NotEnoughData, fit, sample_trace, save_calibration
from tracewright.pipeline.engines.base import Completion, Request
from tracewright.pipeline.engines.teachers import RunningTeacher, embedded_config
from tracewright.pipeline.scoring import Task, score_completion
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import EngineError, FinishReason

LEVELS = (1, 2, 3, 4, 5)
EVALUATION_PROBLEMS = 2500
CALIBRATION_PROBLEMS = 5000
_EVALUATION_SEED = 101
_CALIBRATION_SEED = 202


@flow(name="make-teacher", validate_parameters=False)
def make_teacher(out: Path, steps: int | None = None) -> Evaluation:
    """Train the teacher, then measure it."""
    train(TeacherTraining() if steps is None else TeacherTraining(steps=steps), out)
    return measure_teacher(out)


@flow(name="measure-teacher", validate_parameters=False)
def measure_teacher(out: Path) -> Evaluation:
    """Solve held-out problems, calibrate the confidence of the steps, and write both on the teacher's card."""
    log = out / "engine.log"
    with RunningTeacher(embedded_config(out), log) as teacher, show_progress() as progress:
        evaluation = evaluate(teacher, StageProgress(progress, "evaluate", EVALUATION_PROBLEMS))
        calibration = calibrate(teacher, StageProgress(progress, "calibrate", CALIBRATION_PROBLEMS))
    log.unlink()
    for old in (out / "calibration").glob("*.json"):
        old.unlink()
    if isinstance(calibration, Calibration):
        save_calibration(calibration, out / "calibration")
    write_teacher_card(out, evaluation, calibration)
    for level in evaluation.levels:
        say(f"{level} operators: {evaluation.accuracy([level]).share:.1%} of held-out problems")
    return evaluation


@task(cache_policy=NO_CACHE)
def train(config: TeacherTraining, out: Path) -> None:
    """Train and save, with a note of how it was trained."""
    seconds = 0.0
    with show_progress() as progress:
        stage = StageProgress(progress, "train", config.steps)

        def show(now: TrainingProgress) -> None:
            nonlocal seconds
            seconds = now.seconds
            stage.update(now.step, f"loss {now.loss:.4f}, {now.tokens_per_second:,.0f} tok/s")

        save_checkpoint(*train_teacher(config, show), out)
    write_training_note(out, config, seconds)


@task(cache_policy=NO_CACHE)
def evaluate(teacher: RunningTeacher, stage: StageProgress) -> Evaluation:
    """Greedy accuracy on held-out problems of every level."""
    problems = draw_problems(EVALUATION_PROBLEMS, LEVELS, seed=_EVALUATION_SEED, held_out=True)
    return evaluate_greedy(teacher.engine, problems, lambda done: stage.update(done, ""))


@task(cache_policy=NO_CACHE)
def calibrate(teacher: RunningTeacher, stage: StageProgress) -> Calibration | NotEnoughData:
    """Fit the steps' confidence on traces of problems that are not held out, sampled as every trace is."""
    tasks: dict[str, Task] = {}

    def requests():
        for problem in draw_problems(CALIBRATION_PROBLEMS, LEVELS, seed=_CALIBRATION_SEED, held_out=False):
            one = Task(problem, teacher.ref, 0)
            tasks[one.trace_id] = one
            yield Request(one.trace_id, problem.question, len(tasks))

    samples = []
    for result in teacher.engine.stream(requests()):
        if isinstance(result, Completion) and result.finish_reason is FinishReason.STOP:
            trace = score_completion(tasks[result.key], result, engine=teacher.engine.name, calibration=None)
            samples.append(sample_trace(trace))
        stage.update(len(samples), "")
    if not samples:
        raise EngineError("the teacher finished no trace, so nothing can be calibrated: train it with more --steps")
    return fit(samples, teacher.ref.family, datetime.now(UTC))
