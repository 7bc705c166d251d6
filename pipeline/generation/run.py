"""One run: requests out, results into the journal, rows into the store."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tracewright.pipeline.collector import collect_rarely
from tracewright.pipeline.engines.base import Completion, Engine, Failure, Request
from tracewright.pipeline.generation.adaptive_scoring import AdaptiveScoring
from tracewright.pipeline.generation.asking import OpenProblem, open_problem
from tracewright.pipeline.generation.attempts import find_cut, make_attempt
from tracewright.pipeline.generation.counts import GenerationCounts
from tracewright.pipeline.generation.early_stop import EarlyStopping
from tracewright.pipeline.generation.records import Finished, from_record, to_record
from tracewright.pipeline.generation.scoring import InlineScoring, Scored, Scoring
from tracewright.pipeline.generation.settled import Settled
from tracewright.pipeline.generation.spending import find_limit
from tracewright.pipeline.generation.teaching import Teaching, render_question
from tracewright.pipeline.json_bytes import dump_json
from tracewright.pipeline.scoring import Task
from tracewright.pipeline.store import Store, TraceWriter
from tracewright.schemas import Attempt, AttemptKind, ConfigError, FinishReason, Outcome, Problem, Rejection, make_id

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
    scoring = AdaptiveScoring(writer, teaching)
    run = _Run(writer, teaching, engine.name, Settled(store, teaching, writer.has_trace), scoring, report, counts)
    if teaching.early_stop is not None:
        run.early_stop = EarlyStopping.open(teaching.early_stop, store.path, teaching.teacher.fingerprint)
    try:
        with collect_rarely():
            for result in engine.stream(run.requests(problems)):
                run.take(result)
            run.finish()
    finally:
        scoring.close()
    writer.flush()
    return run.counts


def replay_journal(writer: TraceWriter, teaching: Teaching) -> int:
    """Finish what an earlier process had on disk but not in the store, whatever it was asked for; how much it was."""
    replayed, scoring = 0, InlineScoring(writer, teaching)
    for number, record in writer.journal.replay():
        finished = from_record(record)
        if _keep_if_attempt(writer, teaching, finished, number) is None:
            scoring.submit(finished, number)
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
    scoring: Scoring
    report: Report
    counts: GenerationCounts
    early_stop: EarlyStopping | None = None
    started: float = field(default_factory=time.monotonic)
    in_flight: dict[str, tuple[Task, OpenProblem]] = field(default_factory=dict[str, tuple[Task, OpenProblem]])
    in_scoring: dict[int, OpenProblem] = field(default_factory=dict[int, OpenProblem])
    """By the number of the record."""
    waiting: deque[tuple[Task, OpenProblem]] = field(default_factory=deque[tuple[Task, OpenProblem]])

    def requests(self, problems: Iterable[Problem | Rejection]) -> Iterator[Request | None]:
        """A request for every sample that is not settled; None where only a result can tell whether more are needed."""
        rows = iter(problems)
        while True:
            while not self.waiting and (row := next(rows, None)) is not None:
                self._read(row)
            if self.waiting and (limit := find_limit(self.counts, self.teaching, len(self.in_flight))):
                begun = self.counts.results or self.in_flight
                self.counts.stopped = f"{limit} is used up" if begun else f"{limit} has no room for a single request"
            elif self.waiting:
                self.counts.stopped = None
                yield self._begin(*self.waiting.popleft())
                continue
            if self.in_flight:
                yield None
            elif self.in_scoring:
                self._take_scored(self.scoring.collect())
            else:
                return

    def take(self, result: Completion | Failure) -> None:
        """Write a result to the journal and have it scored; the store gets it with its shard."""
        task, opened = self.in_flight.pop(result.key)
        finished = Finished(
            task, result, self.engine, datetime.now(UTC), self.teaching.max_tokens, self._hash_request(task, result)
        )
        number = self.writer.journal.append_json(dump_json(to_record(finished)))
        self._count_spending(result)
        self._note_for_early_stop(result, number)
        opened.in_flight.remove(task.trace_id)
        kept = _keep_if_attempt(self.writer, self.teaching, finished, number)
        if kept is None:
            opened.in_scoring += 1
            self.in_scoring[number] = opened
            self._take_scored(self.scoring.submit(finished, number))
        else:
            self._count_attempt(kept)
            self._go_on(opened)
        self.report(self.counts)

    def _count_attempt(self, kept: Attempt) -> None:
        self.counts.truncated += kept.kind is AttemptKind.TRUNCATED
        self.counts.stopped_early += kept.kind is AttemptKind.STOPPED
        if kept.kind is AttemptKind.FAILED:
            self.counts.failed += 1
            self.counts.last_failure = kept.reason

    def finish(self) -> None:
        """Wait for the last scores."""
        while self.in_scoring:
            self._take_scored(self.scoring.collect())
        self.report(self.counts)

    def _take_scored(self, rows: list[Scored]) -> None:
        """Count what the writer got, and see whether its problems need another sample."""
        for row in rows:
            opened = self.in_scoring.pop(row.number)
            opened.in_scoring -= 1
            self.counts.traces += row.outcome is not None
            if row.outcome is None:
                self.counts.failed += 1
                self.counts.last_failure = "a completion could not be scored: its attempt in the store says why"
            self.counts.correct += row.outcome is Outcome.CORRECT
            opened.correct += row.outcome is Outcome.CORRECT
            if self.early_stop is not None:
                self.early_stop.note_score(row.number, row.outcome is Outcome.CORRECT)
            self._go_on(opened)

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
            early_stop=self.early_stop.request_rule if self.early_stop is not None else None,
        )

    def _note_for_early_stop(self, result: Completion | Failure, number: int) -> None:
        if self.early_stop is None or isinstance(result, Failure):
            return
        if result.finish_reason is FinishReason.STOP:
            self.early_stop.note(number, result)
        elif result.finish_reason is FinishReason.LOW_CONFIDENCE:
            self.counts.tokens_saved += self.early_stop.tokens_saved(result)

    def _count_spending(self, result: Completion | Failure) -> None:
        counts, price = self.counts, self.teaching.price
        if isinstance(result, Completion):
            counts.tokens += result.token_count
            counts.prompt_tokens += result.prompt_token_count
        counts.seconds = time.monotonic() - self.started
        counts.add_cost(price.prompt_tokens, price.tokens, price.hour)

    def _hash_request(self, task: Task, result: Completion | Failure) -> str:
        """What the engine was given, and all that decides what it makes of it."""
        prompt = result.prompt if isinstance(result, Completion) else ""
        shown = [self.teaching.system, self.teaching.examples, render_question(self.teaching, task.problem)]
        return make_id("request", prompt, shown, task.teacher.fingerprint, self.engine, _seed(task))


def _keep_if_attempt(writer: TraceWriter, teaching: Teaching, finished: Finished, number: int) -> Attempt | None:
    """Store what is no answer; None where it is one."""
    result = finished.result
    cut = None if isinstance(result, Failure) else find_cut(result, teaching.reasoning, finished.max_tokens)
    if not isinstance(result, Failure) and cut is None:
        return None
    attempt = make_attempt(finished, cut)
    writer.add_attempt(attempt, number)
    return attempt


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
