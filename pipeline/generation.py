"""Asking a teacher for every trace that a store does not hold yet.

A completion goes to the journal the moment it leaves the engine; scoring and the store come after it. So a kill costs
what was still inside the engine, and the same call finishes the rest: traces are known by ids derived from content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tracewright.pipeline.confidence import Calibration, find_calibration, save_calibration
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.base import Completion, Engine, Failure, Request
from tracewright.pipeline.prompts import render_prompt
from tracewright.pipeline.scoring import Task, keep_attempt, score_completion
from tracewright.pipeline.store import Store, TraceWriter
from tracewright.schemas import Attempt, FinishReason, Outcome, Problem, Rejection, TeacherRef, make_id


@dataclass(frozen=True)
class Teaching:
    """Who is asked, and how often."""

    teacher: TeacherRef
    samples: int = 1
    max_tokens: int | None = None
    system: str | None = None
    template: str | None = None
    """A Jinja template that makes the prompt from the problem; None: the question itself."""
    calibration: Calibration | None = None


@dataclass
class GenerationCounts:
    """What a run has done so far."""

    problems: int = 0
    rejected: int = 0
    wanted: int = 0
    """Traces that the problems and the number of samples come to."""
    present: int = 0
    """Of these, already in the store when the run began."""
    replayed: int = 0
    """Finished from the journal of a run that was cut off."""
    traces: int = 0
    """New in this run, the replayed ones included."""
    correct: int = 0
    truncated: int = 0
    failed: int = 0
    tokens: int = 0
    """Of the completions that the engine made in this run."""
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many of the wanted traces are settled, one way or another."""
        return self.present + self.traces + self.truncated + self.failed

    @property
    def tokens_per_second(self) -> float:
        """New tokens by the time since the engine was first asked."""
        return self.tokens / self.seconds if self.seconds else 0.0


def choose_calibration(store: Store, teacher: TeacherRef) -> Calibration | None:
    """The teacher's calibration: the store's own, or the one that ships with the embedded teacher, then kept there too.

    None where there is neither: its traces then carry no confidence, and the reason why.
    """
    folder = store.path / "calibration"
    found = find_calibration(folder, teacher)
    if found is None and (shipped := find_calibration(embedded.checkpoint_path() / "calibration", teacher)):
        save_calibration(shipped, folder)
        return shipped
    return found


def generate_missing(
    store: Store,
    writer: TraceWriter,
    problems: Iterable[Problem | Rejection],
    teaching: Teaching,
    engine: Engine,
    report: Callable[[GenerationCounts], None],
) -> GenerationCounts:
    """Make every missing trace of the problems; calls again add nothing.

    Traces are stored in the order in which they are finished. Attempts that an earlier run kept are not tried again.

    Raises:
        EngineError: the engine died; what was finished is stored.
        StoreError: the disk is full or failing; what was stored is intact.
    """
    run = _Run(writer, teaching, engine.name, store.attempt_ids(), report)
    run.replay()
    started = time.monotonic()
    for result in engine.stream(run.requests(problems)):
        run.counts.seconds = time.monotonic() - started
        run.take(result)
    writer.flush()
    return run.counts


@dataclass
class _Run:
    """The state of one call: what is in flight and what has been counted."""

    writer: TraceWriter
    teaching: Teaching
    engine: str
    tried: set[str]
    report: Callable[[GenerationCounts], None]
    counts: GenerationCounts = field(default_factory=GenerationCounts)
    in_flight: dict[str, Task] = field(default_factory=lambda: {})

    def replay(self) -> None:
        """Finish what an earlier process had on disk but not in the store."""
        for number, record in self.writer.journal.replay():
            task = Task(
                Problem.model_validate(record["problem"]),
                TeacherRef.model_validate(record["teacher"]),
                record["sample"],
            )
            result = _from_record(record["result"])
            self._keep(task, result, number, record["engine"], datetime.fromisoformat(record["at"]))
            self.counts.replayed += 1
        self.writer.flush()
        # What was replayed may belong to other problems; those of this run are counted as present when they come by.
        self.counts = replace(self.counts, traces=0, correct=0, truncated=0, failed=0)

    def requests(self, problems: Iterable[Problem | Rejection]) -> Iterator[Request]:
        """A request for every sample that is neither stored nor tried; rejected rows are kept."""
        for problem in problems:
            if isinstance(problem, Rejection):
                self.counts.rejected += 1
                self.writer.add_rejection(problem)
                continue
            self.counts.problems += 1
            for sample in range(self.teaching.samples):
                task = Task(problem, self.teaching.teacher, sample)
                self.counts.wanted += 1
                if self.writer.has_trace(task.trace_id) or task.trace_id in self.tried:
                    self.counts.present += 1
                    self.report(self.counts)
                elif task.trace_id not in self.in_flight:
                    self.in_flight[task.trace_id] = task
                    yield Request(task.trace_id, self._prompt(problem), self._seed(task), self.teaching.system)

    def take(self, result: Completion | Failure) -> None:
        """Write a result to the journal, then score and store it."""
        task = self.in_flight.pop(result.key)
        now = datetime.now(UTC)
        number = self.writer.journal.append(
            {
                "problem": task.problem.model_dump(mode="json"),
                "teacher": task.teacher.model_dump(mode="json"),
                "sample": task.sample,
                "engine": self.engine,
                "at": now.isoformat(),
                "result": asdict(result),
            }
        )
        self._keep(task, result, number, self.engine, now)
        if isinstance(result, Completion):
            self.counts.tokens += result.token_count
        self.report(self.counts)

    def _keep(self, task: Task, result: Completion | Failure, number: int, engine: str, at: datetime) -> None:
        if isinstance(result, Failure) or result.finish_reason is not FinishReason.STOP:
            self._keep_attempt(keep_attempt(task, result, engine=engine, max_tokens=self.teaching.max_tokens), number)
            return
        trace = score_completion(task, result, engine=engine, calibration=self.teaching.calibration, created_at=at)
        if self.writer.add_trace(trace, number):
            self.counts.traces += 1
            self.counts.correct += trace.verdict.outcome is Outcome.CORRECT

    def _keep_attempt(self, attempt: Attempt, number: int) -> None:
        self.writer.add_attempt(attempt, number)
        self.tried.add(attempt.trace_id)
        if attempt.finish_reason is FinishReason.ERROR:
            self.counts.failed += 1
        else:
            self.counts.truncated += 1

    def _prompt(self, problem: Problem) -> str:
        return problem.question if self.teaching.template is None else render_prompt(self.teaching.template, problem)

    def _seed(self, task: Task) -> int:
        return int(make_id("seed", task.teacher.sampling.seed, task.trace_id)[:15], 16)


def _from_record(record: Mapping[str, Any]) -> Completion | Failure:
    if "reason" in record:
        return Failure(**record)
    fields: dict[str, Any] = dict(record)
    for name in ("token_ids", "token_logprobs", "token_ends"):
        fields[name] = None if fields[name] is None else tuple(fields[name])
    top = fields["top_logprobs"]
    fields["top_logprobs"] = None if top is None else tuple(tuple(one) for one in top)
    fields["finish_reason"] = FinishReason(fields["finish_reason"])
    return Completion(**fields)
