"""Traces in a store → the values of their steps: the `rollouts` flow."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import flow
from prefect.artifacts import create_table_artifact

from tracewright.flows.interrupts import stop_on_interrupt
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.pipeline.config import GenerateConfig
from tracewright.pipeline.engines.base import Request
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.filter import Filter
from tracewright.pipeline.prompts import render_prompt
from tracewright.pipeline.rollouts import RolloutBook, RolloutCounts, RolloutPlan, roll_out, write_values
from tracewright.pipeline.store import Store
from tracewright.schemas import Problem

ENGINE_LOG = "rollouts.log"


@dataclass(frozen=True)
class Wanted:
    """Which traces are continued, how often, and for how many tokens."""

    where: Filter | None
    continuations: int
    budget_tokens: int | None


@flow(name="rollouts", validate_parameters=False)
def rollouts(config: GenerateConfig, wanted: Wanted) -> RolloutCounts:
    """Continue from every step of a store's traces by the teacher that made them, and keep what comes of it."""
    store = Store.open(config.store)
    with (
        RunningTeacher(config.teacher, store.local / "logs" / ENGINE_LOG) as teacher,
        stop_on_interrupt(),
        show_progress() as progress,
        RolloutBook(store.local) as book,
    ):
        stage = StageProgress(progress, "rollouts", None)
        plan = RolloutPlan(
            family=teacher.ref.family,
            make_request=lambda problem: make_request(config, problem),
            continuations=wanted.continuations,
            max_tokens=config.teacher.max_tokens,
            budget_tokens=wanted.budget_tokens,
        )
        counts = roll_out(
            store.iter_traces(where=wanted.where),
            teacher.engine,
            book,
            plan,
            lambda counts: stage.update(counts.made, describe(counts)),
        )
        stage.finish(counts.made, describe(counts))
        write_values(book, store.local)
    rows = [{"count": name, "value": value} for name, value in vars(counts).items()]
    create_table_artifact(rows, key="rollout-counts", description="What the rollouts flow did")
    return counts


def make_request(config: GenerateConfig, problem: Problem) -> Request:
    """What the config's teacher is shown of a problem."""
    teacher = config.teacher
    question = problem.question if teacher.template is None else render_prompt(teacher.template, problem)
    examples = tuple((example.question, example.answer) for example in teacher.examples)
    return Request(problem.id, question, 0, teacher.system, examples)


def describe(counts: RolloutCounts) -> str:
    """Share and cost, in words that fit a line."""
    share = f"{counts.right / counts.made:.0%} right" if counts.made else "nothing new"
    return f"{share}, {counts.tokens:,} tokens, {counts.traces:,} traces"
