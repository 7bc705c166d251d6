"""One run: requests out, results into the journal, rows into the store."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tracewright.pipeline.engines.base import Completion, Engine, Failure, Request
from tracewright.pipeline.generation.asking import OpenProblem, open_problem
from tracewright.pipeline.generation.attempts import find_cut, find_reasoning, make_attempt
from tracewright.pipeline.generation.counts import GenerationCounts
from tracewright.pipeline.generation.records import Finished, from_record, to_record
from tracewright.pipeline.generation.settled import Settled
from tracewright.pipeline.generation.spending import find_limit
from tracewright.pipeline.generation.teaching import Teaching, render_question
from tracewright.pipeline.scoring import Task, score_completion
from tracewright.pipeline.store import Store, TraceWriter
from tracewright.schemas import AttemptKind, ConfigError, Outcome, Problem, Rejection, make_id
from tracewright.schemas.trace import REQUEST_HASH

_PROMPT_STAGE = "prompt"
_MAX_KEPT_CHARACTERS = 2_000

Report = Callable[[GenerationCounts], None]


def generate_missing(
    store: Store,
    writer: TraceWriter,
    problems: Iterable[Problem | Rejection],
    teaching: Teaching,
    engine: Engine,
    report: Report,
) -> GenerationCounts:
    """Make every missing trace of the problems; calls again add nothing.

    Traces are stored in the order in which they are finished. An attempt that an earlier run kept is made again where
    it was cut at a lower `max_tokens`, or where it failed and `retry_failed` says so.

    Raises:
        EngineError: the engine can't be had; what was finished is stored.
        StoreError: the disk is full or failing; what was stored is intact.
    """
    counts = GenerationCounts(replayed=replay_journal(writer, teaching))
    run = _Run(writer, teaching, engine.name, Settled(store, teaching, writer.has_trace), report, counts)
    for result in engine.stream(run.requests(problems)):
        run.take(result)
    writer.flush()
    return run.counts


def replay_journal(writer: TraceWriter, teaching: Teaching) -> int:
    """Finish what an earlier process had on disk but not in the store, whatever it was asked for; how much it was."""
    replayed = 0
    for number, record in writer.journal.replay():
        _keep(writer, teaching, from_record(record), number)
        replayed += 1
    writer.flush()
    return replayed


@dataclass
class _Run:
    """The state of one call: what is in flight and what has been counted."""

    writer: TraceWriter
    teaching: Teaching
    engine: str
    settled: Settled
    report: Report
    counts: GenerationCounts
    started: float = field(default_factory=time.monotonic)
    in_flight: dict[str, tuple[Task, OpenProblem]] = field(default_factory=dict[str, tuple[Task, OpenProblem]])
    waiting: deque[tuple[Task, OpenProblem]] = field(default_factory=deque[tuple[Task, OpenProblem]])

    def requests(self, problems: Iterable[Problem | Rejection]) -> Iterator[Request | None]:
        """A request for every sample that is not settled; None where only a result can tell whether more are needed."""
        rows = iter(problems)
        while True:
            while not self.waiting and (row := next(rows, None)) is not None:
                self._read(row)
            if self.waiting and (limit := find_limit(self.counts, self.teaching, len(self.in_flight))):
                self.counts.stopped = f"{limit} is used up"
            elif self.waiting:
                self.counts.stopped = None
                yield self._begin(*self.waiting.popleft())
                continue
            if not self.in_flight:
                return
            yield None

    def take(self, result: Completion | Failure) -> None:
        """Write a result to the journal, then score and store it, and see whether its problem needs another one."""
        task, opened = self.in_flight.pop(result.key)
        finished = Finished(
            task, result, self.engine, datetime.now(UTC), self.teaching.max_tokens, self._hash_request(task, result)
        )
        number = self.writer.journal.append(to_record(finished))
        self._count(result, _keep(self.writer, self.teaching, finished, number), opened)
        opened.in_flight.remove(task.trace_id)
        self._go_on(opened)
        self.report(self.counts)

    def _read(self, row: Problem | Rejection) -> None:
        if isinstance(row, Rejection):
            self.counts.rejected += 1
            self.writer.add_rejection(row)
            return
        try:
            render_question(self.teaching, row)
        except ConfigError as error:
            self.counts.rejected += 1
            self.writer.add_rejection(_reject(row, str(error)))
            return
        opened, present = open_problem(row, self.teaching, self.settled)
        self.counts.problems += 1
        self.counts.present += present
        self.counts.wanted += present
        self._go_on(opened)
        if present:
            self.report(self.counts)

    def _go_on(self, opened: OpenProblem) -> None:
        tasks = [(task, opened) for task in opened.next_tasks(self.teaching.until_correct)]
        self.counts.wanted += len(tasks)
        self.waiting.extend(tasks)
        self.counts.settled_problems += opened.is_settled(self.teaching.until_correct)

    def _begin(self, task: Task, opened: OpenProblem) -> Request:
        self.in_flight[task.trace_id] = task, opened
        teaching = self.teaching
        return Request(
            key=task.trace_id,
            question=render_question(teaching, task.problem),
            seed=_seed(task),
            system=teaching.system,
            examples=teaching.examples,
        )

    def _count(self, result: Completion | Failure, kept: AttemptKind | Outcome | None, opened: OpenProblem) -> None:
        counts = self.counts
        counts.failed += kept is AttemptKind.FAILED
        counts.truncated += kept is AttemptKind.TRUNCATED
        counts.traces += isinstance(kept, Outcome)
        counts.correct += kept is Outcome.CORRECT
        opened.correct += kept is Outcome.CORRECT
        if isinstance(result, Completion):
            counts.tokens += result.token_count
            counts.prompt_tokens += result.prompt_token_count
        counts.seconds = time.monotonic() - self.started
        price = self.teaching.price
        counts.add_cost(price.prompt_tokens, price.tokens, price.hour)

    def _hash_request(self, task: Task, result: Completion | Failure) -> str:
        """What the engine was given, and all that decides what it makes of it."""
        prompt = result.prompt if isinstance(result, Completion) else ""
        shown = [self.teaching.system, self.teaching.examples, render_question(self.teaching, task.problem)]
        return make_id("request", prompt, shown, task.teacher.fingerprint, self.engine, _seed(task))


def _keep(writer: TraceWriter, teaching: Teaching, finished: Finished, number: int) -> AttemptKind | Outcome | None:
    """Store what became of a request, and say what it was; None where the store had it already."""
    task, result = finished.task, finished.result
    cut = None if isinstance(result, Failure) else find_cut(result, teaching.reasoning, finished.max_tokens)
    if isinstance(result, Failure) or cut is not None:
        attempt = make_attempt(finished, cut)
        writer.add_attempt(attempt, number)
        return attempt.kind
    trace = score_completion(
        task,
        result,
        engine=finished.engine,
        calibration=teaching.calibration,
        created_at=finished.at,
        metadata={REQUEST_HASH: finished.request},
        reasoning=find_reasoning(result.text, teaching.reasoning),
    )
    return trace.verdict.outcome if writer.add_trace(trace, number) else None


def _reject(problem: Problem, reason: str) -> Rejection:
    return Rejection(
        rejection_id=make_id("rejection", _PROMPT_STAGE, problem.source, problem.id, problem.content_id),
        stage=_PROMPT_STAGE,
        subject=problem.id,
        reason=reason,
        row=problem.question[:_MAX_KEPT_CHARACTERS],
        created_at=datetime.now(UTC),
    )


def _seed(task: Task) -> int:
    return int(make_id("seed", task.teacher.sampling.seed, task.trace_id)[:15], 16)
