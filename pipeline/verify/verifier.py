"""Verification of answers, one or many, from any thread and inside asyncio."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self

from tracewright.pipeline.verify.cascade import Comparison, Decision, compare, decide, refuse
from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.evaluation.values import Finding, Truth
from tracewright.pipeline.verify.policy import DEFAULT_POLICY, Policy
from tracewright.pipeline.verify.processes.tested_programs import judge_program
from tracewright.pipeline.verify.processes.workers import WorkerDiedError, Workers, WorkerTimeoutError
from tracewright.schemas.problem import AnswerKind, CodeTest
from tracewright.schemas.verdict import Outcome, Verdict

VERIFIER_VERSION = "1.3.0"
"""Kept with every verdict; a new one means that some verdicts may change."""
DEFAULT_TIMEOUT_SECONDS = 2.0
"""Time of one case; its clock starts when the case does, and not while it waits for a worker to be free."""
_LEAST_SECONDS = 0.05
"""What another process is given when a case has used up its time before: it then ends by its limit."""
_AHEAD_PER_WORKER = 64
"""Cases that are read before the first of them is answered: memory does not grow with the number of cases."""


class AnswerVerifier:
    """Verifies answers with a pool of killable workers; use it as a context manager.

    Most cases are decided in the calling thread, in less than a millisecond; the others, and programs, in processes of
    their own. All methods may be called from any thread.
    """

    def __init__(self, workers: int = 1, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        if workers < 1 or timeout_seconds <= 0:
            raise ValueError(f"expected at least 1 worker and a time above 0, not {workers} and {timeout_seconds}")
        self.timeout_seconds = timeout_seconds
        self._workers = Workers(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="verify")
        self._ahead = workers * _AHEAD_PER_WORKER

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start a worker now: the first case that needs one would wait a second or two for it."""
        self._workers.start()

    def close(self) -> None:
        """End the workers; cases under way are answered first."""
        self._threads.shutdown(cancel_futures=True)
        self._workers.close()

    def verify(
        self,
        gold: str,
        completion: str,
        *,
        kind: AnswerKind | str = AnswerKind.MATH,
        policy: Policy | None = None,
        choices: Sequence[str] = (),
        accepted_answers: Sequence[str] = (),
        tests: Sequence[CodeTest] = (),
        truncated: bool = False,
    ) -> Verdict:
        """The verdict on one completion; see `verify_answer`."""
        return self.verify_case(
            make_case(gold, completion, kind, policy, choices, accepted_answers, tests, truncated=truncated)
        )

    def verify_case(self, case: AnswerCase) -> Verdict:
        """The verdict on one case. Never raises for what the case holds."""
        started = time.perf_counter()
        step = _begin(case)
        return _verdict(step if isinstance(step, Decision) else self._finish(case, step, started), started)

    async def verify_async(self, case: AnswerCase) -> Verdict:
        """As `verify_case`, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.verify_case, case)

    def verify_many(self, cases: Iterable[AnswerCase]) -> Iterator[Verdict]:
        """The verdicts in the order of the cases, as they are ready; cases are read a little ahead."""
        waiting: deque[Verdict | Future[Verdict]] = deque()
        for case in cases:
            started = time.perf_counter()
            step = _begin(case)
            if isinstance(step, Decision):
                waiting.append(_verdict(step, started))
            else:
                waiting.append(self._threads.submit(self._finish_later, case, step, time.perf_counter() - started))
            while waiting and (len(waiting) > self._ahead or _is_ready(waiting[0])):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())

    def _finish_later(self, case: AnswerCase, step: list[Comparison | Decision], spent_seconds: float) -> Verdict:
        started = time.perf_counter() - spent_seconds
        return _verdict(self._finish(case, step, started), started)

    def _finish(self, case: AnswerCase, step: list[Comparison | Decision], started: float) -> Decision:
        """The decision on a case that needs another process, in what is left of its time."""
        left = max(self.timeout_seconds - (time.perf_counter() - started), _LEAST_SECONDS)
        if case.kind is AnswerKind.CODE:
            return judge_program(case, left)
        each = left / sum(isinstance(found, Comparison) for found in step)
        return _best([self._resolve(found, case, each) if isinstance(found, Comparison) else found for found in step])

    def _resolve(self, comparison: Comparison, case: AnswerCase, timeout_seconds: float) -> Decision:
        question = {
            "gold": comparison.gold,
            "given": comparison.given,
            "policy": case.policy.model_dump(mode="json"),
            "timeout_seconds": timeout_seconds,
        }
        try:
            answer = self._workers.ask(question, timeout_seconds)
        except (WorkerTimeoutError, WorkerDiedError) as error:
            return Decision(Outcome.ERROR, "symbolic", f"the comparison was ended: {error}")
        if "error" in answer:
            return Decision(Outcome.ERROR, "symbolic", f"the comparison failed: {answer['error']}")
        finding = Finding(Truth[answer["truth"]], answer["method"], answer["reason"])
        return decide(replace(comparison, finding=finding))


def verify_answer(
    gold: str,
    completion: str,
    *,
    kind: AnswerKind | str = AnswerKind.MATH,
    policy: Policy | None = None,
    choices: Sequence[str] = (),
    accepted_answers: Sequence[str] = (),
    tests: Sequence[CodeTest] = (),
    truncated: bool = False,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
) -> Verdict:
    """Whether a completion's answer is the gold answer, or one of `accepted_answers`, with the reason in a sentence.

    `gold` is a bare answer or a text that ends in one; of the code kind it is a program of tests, and `tests` are
    further ones. `choices` are the options of a multiple-choice question in order. A completion that was `truncated`
    by the token limit is unverifiable, whatever it says.

    Most answers are compared in this process, in less than a millisecond. One that needs algebra starts a worker and
    ends it, which takes a second or two: verify many with an `AnswerVerifier`. Never raises for what the texts hold.
    """
    case = make_case(gold, completion, kind, policy, choices, accepted_answers, tests, truncated=truncated)
    started = time.perf_counter()
    step = _begin(case)
    if isinstance(step, Decision):
        return _verdict(step, started)
    with AnswerVerifier(1, timeout_seconds) as verifier:
        return verifier.verify_case(case)


def make_case(
    gold: str,
    completion: str,
    kind: AnswerKind | str,
    policy: Policy | None,
    choices: Sequence[str],
    accepted_answers: Sequence[str],
    tests: Sequence[CodeTest],
    *,
    truncated: bool,
) -> AnswerCase:
    """The case that these arguments make; it is not validated again, its parts are."""
    return AnswerCase.model_construct(
        gold=gold,
        prediction=completion,
        kind=AnswerKind(kind),
        policy=policy or DEFAULT_POLICY,
        choices=tuple(choices),
        accepted_answers=tuple(accepted_answers),
        tests=tuple(tests),
        truncated=truncated,
    )


def _begin(case: AnswerCase) -> Decision | list[Comparison | Decision]:
    """The decision, or for each gold answer what is known without another process."""
    refusal = refuse(case)
    if refusal is not None:
        return refusal
    if case.kind is AnswerKind.CODE:
        return []
    found: list[Comparison | Decision] = []
    for gold in (case.gold, *case.accepted_answers):
        step = compare(gold, case)
        if isinstance(step, Comparison) and not step.needs_worker:
            step = decide(step)
        if isinstance(step, Decision) and step.outcome is Outcome.CORRECT:
            return step
        found.append(step)
    decisions = [step for step in found if isinstance(step, Decision)]
    return _best(decisions) if len(decisions) == len(found) else found


def _best(decisions: Sequence[Decision]) -> Decision:
    """Correct if any is; else the first one, which is about the gold answer itself."""
    return next((decision for decision in decisions if decision.outcome is Outcome.CORRECT), decisions[0])


def _verdict(decision: Decision, started: float) -> Verdict:
    seconds = time.perf_counter() - started
    return Verdict(outcome=decision.outcome, method=decision.method, reason=decision.reason, seconds=seconds)


def _is_ready(item: Verdict | Future[Verdict]) -> bool:
    return isinstance(item, Verdict) or item.done()


def _result(item: Verdict | Future[Verdict]) -> Verdict:
    return item if isinstance(item, Verdict) else item.result()
