"""What a run would do: what is there, what is missing, and what that is expected to take."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from tracewright.pipeline.generation.asking import open_problem
from tracewright.pipeline.generation.counts import GenerationCounts
from tracewright.pipeline.generation.settled import Settled
from tracewright.pipeline.generation.summary import read_summary
from tracewright.pipeline.generation.teaching import Teaching
from tracewright.pipeline.scoring import Task
from tracewright.pipeline.store import Store
from tracewright.schemas import Problem, Rejection


@dataclass(frozen=True)
class Survey:
    """What a config's run would find and make; expectations are None where nothing is known to expect from."""

    problems: int = 0
    rejected: int = 0
    present: int = 0
    """Samples that are settled: stored, or tried and not to be tried again."""
    failed: int = 0
    """Of these, requests that failed, which are made again where that is asked for."""
    truncated: int = 0
    """Of these, completions that a limit cut, which are made again once it is higher."""
    missing: int = 0
    """Samples that would be asked for; with `until_correct`, at most."""
    tokens_each: float | None = None
    """Of a completion: this teacher's mean in the store, else `max_tokens`."""
    tokens_are_measured: bool = False
    expected_tokens: int | None = None
    expected_seconds: float | None = None
    """At the rate of the last run into this store."""
    expected_cost: float | None = None


def survey_missing(store: Store | None, problems: Iterable[Problem | Rejection], teaching: Teaching) -> Survey:
    """Count what is there and what is missing, without a lock, an engine or a change; `None` is a store not yet made.

    Prompts are not counted into tokens; into the cost they are, as in the last run.
    """
    settled = (
        None if store is None else Settled(store, teaching, store.trace_ids(teaching.teacher.fingerprint).__contains__)
    )
    survey = Survey()
    for row in problems:
        if isinstance(row, Rejection):
            survey = replace(survey, rejected=survey.rejected + 1)
            continue
        missing, present, failed, truncated = teaching.samples, 0, 0, 0
        if settled is not None:
            opened, present = open_problem(row, teaching, settled)
            enough = teaching.until_correct is not None and opened.correct >= teaching.until_correct
            missing = 0 if enough else len(opened.waiting)
            failed, truncated = _count_attempts(row, teaching, settled, missing=opened.waiting)
        survey = replace(
            survey,
            problems=survey.problems + 1,
            present=survey.present + present,
            failed=survey.failed + failed,
            truncated=survey.truncated + truncated,
            missing=survey.missing + missing,
        )
    return _expect(survey, store, teaching)


def _count_attempts(
    problem: Problem, teaching: Teaching, settled: Settled, missing: Collection[Task]
) -> tuple[int, int]:
    """How many of a problem's settled samples failed, and how many were cut."""
    again = {task.sample for task in missing}
    ids = [Task(problem, teaching.teacher, n).trace_id for n in range(teaching.samples) if n not in again]
    return sum(map(settled.is_failed, ids)), sum(map(settled.is_cut, ids))


def _expect(survey: Survey, store: Store | None, teaching: Teaching) -> Survey:
    measured = None if store is None else store.mean_tokens(teaching.teacher.fingerprint)
    each = measured if measured is not None else teaching.max_tokens
    last = None if store is None else read_summary(store.path)
    tokens = None if each is None else round(survey.missing * each)
    rate = last.tokens_per_second if last else 0.0
    seconds = tokens / rate if tokens is not None and rate else None
    return replace(
        survey,
        tokens_each=each,
        tokens_are_measured=measured is not None,
        expected_tokens=tokens,
        expected_seconds=seconds,
        expected_cost=None if tokens is None else _cost(tokens, survey.missing, seconds, last, teaching),
    )


def _cost(
    tokens: int, missing: int, seconds: float | None, last: GenerationCounts | None, teaching: Teaching
) -> float | None:
    price = teaching.price
    if price.hour and seconds is None:
        return None
    prompts_each = last.prompt_tokens / last.results if last and last.results else 0.0
    expected = GenerationCounts(tokens=tokens, prompt_tokens=round(missing * prompts_each), seconds=seconds or 0.0)
    expected.add_cost(price.prompt_tokens, price.tokens, price.hour)
    return expected.cost
