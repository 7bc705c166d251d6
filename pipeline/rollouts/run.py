"""From traces to the values of their steps: k continuations of each prefix by the same teacher (Math-Shepherd).

Wang et al. 2023 (arXiv:2312.08935): a step is worth the share of continuations from it that end right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from tracewright.pipeline.engines.base import Completion, Engine, Failure, Request
from tracewright.pipeline.rollouts.book import RolloutBook, hash_prefix
from tracewright.pipeline.scoring import judge_answer
from tracewright.schemas import FinishReason, Outcome, Problem, Step, Trace, make_id


@dataclass(frozen=True)
class RolloutPlan:
    """How much is asked for."""

    family: str
    """The teacher's: traces of others are passed over."""
    make_request: Callable[[Problem], Request]
    """The request that the teacher is given for a problem; key, seed and prefix are filled in here."""
    continuations: int = 8
    max_tokens: int = 1024
    """Of one continuation: the engine's own limit, held back from the budget for each one that is under way."""
    budget_tokens: int | None = None
    """Of all continuations of this teacher beside the store, those of earlier calls included; None: no limit."""


@dataclass
class RolloutCounts:
    """What a call has done so far."""

    traces: int = 0
    """Whose steps were looked at."""
    passed_over: int = 0
    """Of another teacher, or of problems without a gold answer."""
    steps: int = 0
    present: int = 0
    """Continuations that were there or under way already, for this trace or for another one that begins alike."""
    made: int = 0
    right: int = 0
    """Of the new ones."""
    failed: int = 0
    """The engine gave none; the next call tries them again."""
    tokens: int = 0
    """New ones."""
    out_of_budget: bool = False


@dataclass(frozen=True)
class _Continuation:
    trace: Trace
    end: int
    """How many characters of the trace's text are its beginning."""
    prefix: str
    sample: int


def roll_out(
    traces: Iterable[Trace],
    engine: Engine,
    book: RolloutBook,
    plan: RolloutPlan,
    report: Callable[[RolloutCounts], None],
) -> RolloutCounts:
    """Continue from every step of the traces, as often as the plan says, and keep what comes of it in the book.

    Killed at any point, the same call makes what is missing and nothing else. It never spends more than the budget:
    what is under way is counted as if it took all it may. A continuation that is cut off at its limit did not end
    right. The last step's value is the trace's own verdict: nothing follows it.

    Raises:
        EngineError: the engine died; what was made is kept.
        StoreError: the disk is full or failing; what was made is kept.
    """
    run = _Run(book, plan, report)
    for result in engine.stream(run.requests(traces)):
        run.take(result)
    report(run.counts)
    return run.counts


@dataclass
class _Run:
    book: RolloutBook
    plan: RolloutPlan
    report: Callable[[RolloutCounts], None]
    counts: RolloutCounts = field(default_factory=RolloutCounts)
    under_way: dict[str, _Continuation] = field(default_factory=lambda: {})

    def requests(self, traces: Iterable[Trace]) -> Iterator[Request | None]:
        """One for every continuation that is missing; None where the budget has room again once a result is there."""
        for trace in traces:
            if trace.teacher.family != self.plan.family or trace.problem.answer is None:
                self.counts.passed_over += 1
                continue
            for continuation in self._missing(trace):
                while not self._has_room() and self.under_way:
                    yield None
                if not self._has_room():
                    self.counts.out_of_budget = True
                    return
                key = f"{continuation.prefix}/{continuation.sample}"
                if key in self.under_way:
                    self.counts.present += 1
                    continue
                self.under_way[key] = continuation
                yield self._request(key, continuation)

    def take(self, result: Completion | Failure) -> None:
        """Judge a continuation and keep it."""
        one = self.under_way.pop(result.key)
        if isinstance(result, Failure):
            self.counts.failed += 1
        else:
            outcome = Outcome.INCORRECT
            if result.finish_reason is FinishReason.STOP:
                outcome = judge_answer(one.trace.problem, one.trace.text[: one.end] + result.text).outcome
            self.book.note(self.plan.family, one.prefix, one.sample, outcome, result.token_count)
            self.counts.made += 1
            self.counts.tokens += result.token_count
            self.counts.right += outcome is Outcome.CORRECT
        self.report(self.counts)

    def _missing(self, trace: Trace) -> Iterator[_Continuation]:
        prefixes = [hash_prefix(trace, step.span.end) for step in trace.steps]
        self.book.note_trace(trace.trace_id, prefixes)
        self.counts.traces += 1
        self.counts.steps += len(prefixes)
        for step, prefix in zip(trace.steps, prefixes, strict=True):
            samples = list(self.book.missing(prefix, self.plan.continuations))
            self.counts.present += self.plan.continuations - len(samples)
            for sample in samples:
                if step is trace.steps[-1]:
                    self.book.note(self.plan.family, prefix, sample, trace.verdict.outcome, 0)
                else:
                    yield _Continuation(trace, step.span.end, prefix, sample)

    def _has_room(self) -> bool:
        if self.plan.budget_tokens is None:
            return True
        wanted = self.book.spent(self.plan.family) + (len(self.under_way) + 1) * self.plan.max_tokens
        return wanted <= self.plan.budget_tokens

    def _request(self, key: str, one: _Continuation) -> Request:
        return replace(
            self.plan.make_request(one.trace.problem),
            key=key,
            seed=int(make_id("rollout", one.prefix, one.sample)[:15], 16),
            prefix=one.trace.text[: one.end],
            prefix_ids=_prefix_ids(one.trace, one.end),
        )


def _prefix_ids(trace: Trace, end: int) -> tuple[int, ...] | None:
    """The tokens that the teacher drew, where the prefix ends with one of them; its text is read again otherwise."""
    step: Step | None = next((step for step in trace.steps if step.span.end == end), None)
    if step is None or step.token_span is None or trace.token_ids is None or trace.token_ends is None:
        return None
    count = step.token_span.end
    return trace.token_ids[:count] if count and trace.token_ends[count - 1] == end else None
