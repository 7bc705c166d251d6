"""Problems → traces in a store: the `generate` flow."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from tracewright.flows.interrupts import stop_on_interrupt
from tracewright.flows.progress import StageProgress, say, show_progress
from tracewright.pipeline.config import GenerateConfig
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import (
    Alert,
    GenerationCounts,
    run_config,
    summarize,
    write_summary,
)
from tracewright.pipeline.sources import count_problems
from tracewright.pipeline.store import Store
from tracewright.schemas import EngineError

_SHOW_INTERVAL_SECONDS = 0.1
ENGINE_LOG = Path("logs") / "engine.log"


@flow(name="generate", validate_parameters=False)
def generate(
    config: GenerateConfig, teacher: RunningTeacher | None = None, retry_failed: bool = False
) -> GenerationCounts:
    """Ask the config's teacher for every trace that its store does not hold; run again, it finishes what is missing.

    `teacher` is a running one to use instead of starting the config's; it is left running. With `retry_failed`,
    requests that failed in an earlier run are made again.
    """
    wanted = count_problems(config.problems)
    store = Store.open(config.store, create=True)
    counts = make_traces(config, store, teacher, wanted and wanted * config.teacher.samples, retry_failed)
    write_summary(store.path, counts)
    publish_counts(counts)
    return counts


def engine_died(_task: object, _run: object, state: State[object]) -> bool:
    """A retry helps where the engine died, and only there: bad input stays bad."""
    return isinstance(state.result(raise_on_failure=False), EngineError)


@task(name="make traces", retries=2, retry_delay_seconds=5, retry_condition_fn=engine_died, cache_policy=NO_CACHE)
def make_traces(
    config: GenerateConfig, store: Store, teacher: RunningTeacher | None, wanted: int | None, retry_failed: bool
) -> GenerationCounts:
    """One partition: all of the config's problems. A retry finishes what is left, on an engine of its own."""
    if teacher is None or not teacher.engine.is_alive:
        with RunningTeacher(config.teacher, store.local / ENGINE_LOG) as started:
            return ask_teacher(config, store, started, wanted, retry_failed)
    return ask_teacher(config, store, teacher, wanted, retry_failed)


def ask_teacher(
    config: GenerateConfig, store: Store, teacher: RunningTeacher, wanted: int | None, retry_failed: bool
) -> GenerationCounts:
    """Ask a running teacher, and show how far it is."""
    with stop_on_interrupt(), show_progress() as progress, watch(config) as alert:
        stage = GenerationStage(StageProgress(progress, "generate", wanted), config, alert)
        counts = run_config(config, store, teacher, stage.update, retry_failed=retry_failed)
        stage.finish(counts)
    return counts


@contextmanager
def watch(config: GenerateConfig) -> Generator[Alert | None]:
    """The config's alert, where it has one; what it could not deliver is said at the end."""
    if config.alert is None:
        yield None
        return
    alert = Alert(config.alert, str(config.store))
    try:
        yield alert
    finally:
        alert.close()
        for trouble in alert.troubles:
            say(f"the alert could not be delivered: {trouble}")


@dataclass
class GenerationStage:
    """The stage's line in the terminal, a few times a second, and the alert's look at the counts."""

    stage: StageProgress
    config: GenerateConfig
    alert: Alert | None
    _next: float = 0.0

    def update(self, counts: GenerationCounts) -> None:
        """Take the counts so far."""
        if self.alert is not None:
            self.alert.watch(counts)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SHOW_INTERVAL_SECONDS
            self.stage.update(*self._show(counts))

    def finish(self, counts: GenerationCounts) -> None:
        """Show the end."""
        done, detail = self._show(counts)
        self.stage.finish(done, detail)

    def _show(self, counts: GenerationCounts) -> tuple[int, str]:
        """How much is done of the total: of a problem that may get many samples, only its end is known."""
        until_correct = self.config.teacher.until_correct is not None
        done = counts.settled_problems * self.config.teacher.samples if until_correct else counts.done
        return done, describe(counts)


def describe(counts: GenerationCounts) -> str:
    """Accepted share, rate and cost, in words that fit a line."""
    share = f"{counts.accepted_share:.0%} correct" if counts.results else "nothing new"
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    cost = f", cost {counts.cost:,.2f}" if counts.cost else ""
    return f"{share}{failed}, {counts.tokens_per_second:,.0f} tok/s{cost}"


def publish_counts(counts: GenerationCounts) -> None:
    """The counts as an artifact of the flow run."""
    rows = [{"count": name, "value": value} for name, value in summarize(counts).items()]
    create_table_artifact(rows, key="generate-counts", description="What the generate flow did")
