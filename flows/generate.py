"""Problems → traces in a store: the `generate` flow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from tracewright.flows.interrupts import stop_on_interrupt
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.pipeline.config import GenerateConfig
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import GenerationCounts, Teaching, choose_calibration, generate_missing
from tracewright.pipeline.sources import count_problems, read_problems
from tracewright.pipeline.store import Store
from tracewright.schemas import EngineError

ENGINE_LOG = Path("logs") / "engine.log"


@flow(name="generate", validate_parameters=False)
def generate(config: GenerateConfig, teacher: RunningTeacher | None = None) -> GenerationCounts:
    """Ask the config's teacher for every trace that its store does not hold; run again, it finishes what is missing.

    `teacher` is a running one to use instead of starting the config's; it is left running.
    """
    wanted = count_problems(config.problems)
    store = Store.open(config.store, create=True)
    counts = make_traces(config, store, teacher, wanted and wanted * config.teacher.samples)
    publish_counts(counts)
    return counts


def engine_died(_task: object, _run: object, state: State[object]) -> bool:
    """A retry helps where the engine died, and only there: bad input stays bad."""
    return isinstance(state.result(raise_on_failure=False), EngineError)


@task(name="make traces", retries=2, retry_delay_seconds=5, retry_condition_fn=engine_died, cache_policy=NO_CACHE)
def make_traces(
    config: GenerateConfig, store: Store, teacher: RunningTeacher | None, wanted: int | None
) -> GenerationCounts:
    """One partition: all of the config's problems. A retry finishes what is left, on an engine of its own."""
    if teacher is None or not teacher.engine.is_alive:
        with RunningTeacher(config.teacher, store.path / ENGINE_LOG) as started:
            return ask_teacher(config, store, started, wanted)
    return ask_teacher(config, store, teacher, wanted)


def ask_teacher(config: GenerateConfig, store: Store, teacher: RunningTeacher, wanted: int | None) -> GenerationCounts:
    """Ask a running teacher, and show how far it is."""
    teaching = Teaching(
        teacher=teacher.ref,
        samples=config.teacher.samples,
        max_tokens=config.teacher.max_tokens,
        system=config.teacher.system,
        template=config.teacher.template,
        calibration=choose_calibration(store, teacher.ref),
    )
    with stop_on_interrupt(), show_progress() as progress, store.writer() as writer:
        stage = StageProgress(progress, "generate", wanted)
        counts = generate_missing(
            store, writer, read_problems(config.problems), teaching, teacher.engine, lambda c: show(stage, c)
        )
        stage.finish(counts.done, describe(counts))
    return counts


def show(stage: StageProgress, counts: GenerationCounts) -> None:
    """The stage's line in the terminal."""
    stage.update(counts.done, describe(counts))


def describe(counts: GenerationCounts) -> str:
    """Accepted share and rate, in words that fit a line."""
    share = f"{counts.correct / counts.traces:.0%} correct" if counts.traces else "nothing new"
    return f"{share}, {counts.tokens_per_second:,.0f} tok/s"


def publish_counts(counts: GenerationCounts) -> None:
    """The counts as an artifact of the flow run."""
    rows = [{"count": name, "value": value} for name, value in _rows(counts)]
    create_table_artifact(rows, key="generate-counts", description="What the generate flow did")


def _rows(counts: GenerationCounts) -> Iterator[tuple[str, float]]:
    yield from ((name, value) for name, value in vars(counts).items() if isinstance(value, int))
    yield "tokens per second", round(counts.tokens_per_second, 1)
