"""Checkpoints → how many problems each solves: the `evaluate` flow."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tracewright.distill.checkpoint import engine_settings
from tracewright.distill.evaluation import Evaluation, evaluate_greedy, evaluate_sampled
from tracewright.distill.evaluation_file import evaluation_key, load_evaluation, save_evaluation
from tracewright.distill.export.process_engine import ProcessEngine
from tracewright.distill.export.runtimes import Runtime, start_engine
from tracewright.flows.interrupts import stop_on_interrupt
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.flows.unrecorded import Unrecorded
from tracewright.pipeline.engines.base import Engine
from tracewright.pipeline.engines.vllm_engine import VllmEngine, VllmSettings
from tracewright.schemas import Problem


@dataclass(frozen=True)
class Asking:
    """The same problems for every checkpoint, and how they are asked."""

    problems: list[Problem]
    samples: int = 1
    """1: the likeliest token each time; more: drawn at temperature 1."""
    max_tokens: int | None = None
    runtime: Runtime = Runtime.VLLM
    """Of checkpoints; exported files have one of their own."""
    keep: bool = True
    """Whether answers are kept in the checkpoint's folder, and kept ones taken instead of asking again."""

    def settings(self, checkpoint: Path) -> VllmSettings:
        """Of the engine."""
        return engine_settings(checkpoint, max_tokens=self.max_tokens)

    def stored(self, checkpoint: Path) -> Evaluation | None:
        """The answers that the checkpoint's folder holds already."""
        if not self.keep:
            return None
        return load_evaluation(checkpoint, self.key(checkpoint), self.problems, self.samples)

    def start_engine(self, checkpoint: Path, log: Path) -> Engine:
        """One that answers with the checkpoint."""
        return start_engine(checkpoint, self.runtime, self.max_tokens, log)

    def key(self, checkpoint: Path) -> str:
        """What decides the answers."""
        return evaluation_key(self.settings(checkpoint), self.problems, self.samples)


Candidate = Engine | Evaluation
"""A checkpoint that is to be asked, by its engine, or one that has been."""


@contextmanager
def start_engines(checkpoints: Mapping[str, Path], asking: Asking, logs: Path) -> Generator[dict[str, Candidate]]:
    """An engine for each checkpoint that has not been asked yet. They load side by side, unwaited for."""
    with ExitStack() as stack:
        yield {
            name: asking.stored(path)
            or stack.enter_context(closing(asking.start_engine(path, logs / f"{path.name}-engine.log")))
            for name, path in checkpoints.items()
        }


@flow(name="evaluate", validate_parameters=False)
def evaluate(
    checkpoints: Mapping[str, Path],
    asked: Unrecorded[Asking],
    logs: Path,
    running: Unrecorded[Mapping[str, Candidate]] | None = None,
) -> dict[str, Evaluation]:
    """Ask every checkpoint the problems, one after another, so that each has the machine to itself; what was asked
    before is read.

    `running` are engines to use; without them they are started here, and stopped.
    """
    asking = asked.value
    with stop_on_interrupt(), ExitStack() as stack, show_progress() as progress:
        found = stack.enter_context(start_engines(checkpoints, asking, logs)) if running is None else running.value
        wait_for(found)
        evaluations: dict[str, Evaluation] = {}
        for name, checkpoint in checkpoints.items():
            stage = StageProgress(progress, f"ask {name}", len(asking.problems) * asking.samples)
            evaluations[name] = ask(checkpoint, asking, found[name], stage)
    publish_accuracies(evaluations)
    return evaluations


def wait_for(candidates: Mapping[str, Candidate]) -> None:
    """Until every engine is ready: one that loads would take time from one that is asked."""
    for candidate in candidates.values():
        if isinstance(candidate, VllmEngine):
            _ = candidate.dtype


@task(cache_policy=NO_CACHE)
def ask(checkpoint: Path, asking: Asking, candidate: Candidate, stage: StageProgress) -> Evaluation:
    """One checkpoint's answers."""
    if isinstance(candidate, Evaluation):
        evaluation = candidate
    else:
        evaluation = _ask_engine(asking, candidate, stage)
        if asking.keep:
            save_evaluation(checkpoint, asking.key(checkpoint), evaluation)
    stage.finish(len(evaluation.answers), f"{evaluation.accuracy().share:.1%} solved")
    return evaluation


def _ask_engine(asking: Asking, engine: Engine, stage: StageProgress) -> Evaluation:
    if asking.samples == 1:
        evaluation = evaluate_greedy(engine, asking.problems, lambda done: stage.update(done, ""))
    else:
        evaluation = evaluate_sampled(engine, asking.problems, asking.samples, lambda done: stage.update(done, ""))
    return replace(evaluation, memory_bytes=_measure_memory(engine))


def _measure_memory(engine: Engine) -> int:
    """Resident bytes of the engine's processes; of this one where the model runs in it."""
    process = psutil.Process(engine.pid if isinstance(engine, VllmEngine | ProcessEngine) else None)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


def publish_accuracies(evaluations: Mapping[str, Evaluation]) -> None:
    """Accuracy by model and level, as an artifact of the flow run."""
    rows = [
        {"model": name, "level": level, "solved": (found := evaluation.accuracy([level])).correct, "of": found.problems}
        for name, evaluation in evaluations.items()
        for level in evaluation.levels
    ]
    create_table_artifact(rows, key="accuracy", description="Problems solved by each model")
