"""The whole main job, from problems to the report. Reads like its stages; each can be run again alone."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from tracewright.distill.evaluation import Evaluation, evaluate_greedy
from tracewright.distill.evaluation_file import evaluation_key, load_evaluation, save_evaluation
from tracewright.flows.curate import curate
from tracewright.flows.distill import STUDENT_LEVELS, demo_training, distill_demo
from tracewright.flows.generate import generate
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.flows.release import release
from tracewright.flows.report import report
from tracewright.pipeline.config import GenerateConfig, ProblemsConfig
from tracewright.pipeline.curate import read_slice
from tracewright.pipeline.engines.teachers import RunningTeacher, embedded_config, vllm_settings
from tracewright.pipeline.release import find_releases, open_release
from tracewright.pipeline.sources import draw_problems, write_problems
from tracewright.pipeline.store import Store
from tracewright.schemas import ReleaseManifest

OPERATOR_SHARES = {1: 0.2, 2: 0.35, 3: 0.2, 4: 0.15, 5: 0.1}
TEACHER_FOLDER = "teacher"
HELD_OUT_PROBLEMS = {1: 250, 2: 250, 3: 100, 4: 100, 5: 100}
_PROBLEM_SEED, _HELD_OUT_SEED = 1, 2
_HELD_OUT_SHARE = 0.1
RELEASE_NAME, SLICE_NAME = "arithmetic", "verified"


@flow(name="demo", validate_parameters=False)
def demo(out: Path, problems: int, teacher: RunningTeacher) -> dict[str, Any]:
    """Problems → traces → checks → release → student → report, in one folder; again, it adds what is missing.

    `teacher` is the embedded one; it is ended once nothing more is asked of it.
    """
    started = time.monotonic()
    store = Store.open(out / "store", create=True).path
    config = GenerateConfig(
        problems=ProblemsConfig(path=write_demo_problems(out, problems), source="tracewright/arithmetic"),
        teacher=embedded_config(),
        store=store,
    )
    with teacher:
        counts = generate(config, teacher)
        evaluation = evaluate(teacher, out / TEACHER_FOLDER)
    curate(store, SLICE_NAME)
    published, manifest = publish(store, out / "releases")
    asked = [answer.problem for answer in evaluation.answers if answer.problem.level in STUDENT_LEVELS]
    students = distill_demo(published, out / "students", evaluation, asked, demo_training(problems))
    return report(
        out,
        counts=counts,
        evaluation=evaluation,
        release=published,
        manifest=manifest,
        students=students,
        seconds=time.monotonic() - started,
    )


def write_demo_problems(out: Path, count: int) -> Path:
    """The problems as a file, as a user would bring them: nine of ten to learn from, one of ten held out."""
    path = (out / f"problems-{count}.jsonl").resolve()
    if not path.exists():
        held_out = round(count * _HELD_OUT_SHARE)
        drawn = [
            *draw_problems(count - held_out, OPERATOR_SHARES, seed=_PROBLEM_SEED, held_out=False),
            *draw_problems(held_out, OPERATOR_SHARES, seed=_PROBLEM_SEED, held_out=True),
        ]
        write_problems(path, drawn)
    return path


@task(cache_policy=NO_CACHE)
def evaluate(teacher: RunningTeacher, kept: Path) -> Evaluation:
    """The teacher's greedy answers to held-out problems; those that it gave before are in `kept`."""
    total = sum(HELD_OUT_PROBLEMS.values())
    problems = list(draw_problems(total, HELD_OUT_PROBLEMS, seed=_HELD_OUT_SEED, held_out=True))
    key = evaluation_key(vllm_settings(embedded_config()), problems, samples=1)
    with show_progress() as progress:
        stage = StageProgress(progress, "evaluate", total)
        evaluation = load_evaluation(kept, key, problems, samples=1)
        if evaluation is None:
            # Nearly all of this is the engine's work: meanwhile this process loads what takes longest to load later.
            Thread(target=import_module, args=("tracewright.distill.quantize",), daemon=True).start()
            evaluation = evaluate_greedy(teacher.engine, problems, lambda done: stage.update(done, "held-out problems"))
            kept.mkdir(exist_ok=True)
            save_evaluation(kept, key, evaluation)
        stage.finish(total, f"{evaluation.accuracy().share:.1%} of held-out problems solved")
    return evaluation


def publish(store: Path, releases: Path) -> tuple[Path, ReleaseManifest]:
    """A release of the curated slice; the one there is, where nothing has changed since."""
    wanted = read_slice(store, SLICE_NAME)
    for known in reversed(find_releases(store, RELEASE_NAME)):
        path = known.directory(store)
        if path.exists() and (manifest := open_release(path, allow_yanked=True).manifest).slice_digest == wanted.digest:
            return path, manifest
    releases.mkdir(parents=True, exist_ok=True)
    path = releases / f"{RELEASE_NAME}-{1 + sum(1 for _ in releases.iterdir())}"
    return path, release(store, path, name=RELEASE_NAME, slice_name=SLICE_NAME)
