"""How many held-out problems a model solves, with intervals, by how hard they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tracewright.pipeline.confidence.metrics import wilson_interval
from tracewright.pipeline.engines.base import Completion, Engine, Request
from tracewright.pipeline.verify import verify_answer
from tracewright.schemas import FinishReason, Outcome, Problem


@dataclass(frozen=True)
class Answered:
    """One problem's greedy completion and whether its answer is right; a cut-off or failed one is not."""

    problem: Problem
    text: str
    correct: bool
    tokens: int


@dataclass(frozen=True)
class Accuracy:
    """A share of problems solved, with its 95 % interval (Wilson's)."""

    correct: int
    problems: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.correct / self.problems if self.problems else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The lower and the upper end."""
        return wilson_interval(self.correct, self.problems)


@dataclass(frozen=True)
class Evaluation:
    """A model's answers to a set of problems."""

    answers: tuple[Answered, ...]
    seconds: float

    def accuracy(self, levels: Sequence[int] | None = None) -> Accuracy:
        """Over all problems, or those of some levels."""
        chosen = [a.correct for a in self.answers if levels is None or a.problem.level in levels]
        return Accuracy(sum(chosen), len(chosen))

    @property
    def levels(self) -> list[int]:
        """The levels there are, in order."""
        return sorted({a.problem.level for a in self.answers if a.problem.level is not None})

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens by wall time."""
        return sum(a.tokens for a in self.answers) / self.seconds if self.seconds else 0.0


def evaluate_greedy(
    engine: Engine, problems: Iterable[Problem], report: Callable[[int], None] = lambda done: None
) -> Evaluation:
    """Ask every problem once, taking the likeliest token each time; the answers come in the problems' order.

    Problems without a gold answer count as not solved.
    """
    asked = {str(index): problem for index, problem in enumerate(problems)}
    started = time.monotonic()
    answers: dict[str, Answered] = {}
    for result in engine.stream(Request(key, problem.question, 0, greedy=True) for key, problem in asked.items()):
        answers[result.key] = _judge(asked[result.key], result if isinstance(result, Completion) else None)
        report(len(answers))
    seconds = time.monotonic() - started
    return Evaluation(tuple(answers[key] for key in asked), seconds)


def _judge(problem: Problem, completion: Completion | None) -> Answered:
    if completion is None:
        return Answered(problem, "", False, 0)
    if completion.finish_reason is not FinishReason.STOP or problem.answer is None:
        return Answered(problem, completion.text, False, completion.token_count)
    verdict = verify_answer(problem.answer, completion.text, kind=problem.answer_kind)
    return Answered(problem, completion.text, verdict.outcome is Outcome.CORRECT, completion.token_count)
