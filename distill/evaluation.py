"""How many held-out problems a model solves, with intervals, by how hard they are."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tracewright.pipeline.confidence.metrics import Z_95, wilson_interval
from tracewright.pipeline.engines.base import Completion, Engine, Request
from tracewright.pipeline.verify import verify_answer
from tracewright.schemas import FinishReason, Outcome, Problem


@dataclass(frozen=True)
class Answered:
    """One problem's completion and whether its answer is right; a cut-off or failed one is not."""

    problem: Problem
    text: str
    correct: bool
    tokens: int
    seconds: float = 0.0
    """From the request's submission to its last token, waiting among others included."""
    finished: bool = True
    """Whether the model came to an end by itself."""


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
    memory_bytes: int | None = None
    """Resident, of the processes that ran the model, after the last answer; None where it was not measured."""

    def accuracy(self, levels: Sequence[int] | None = None) -> Accuracy:
        """Over all problems, or those of some levels."""
        chosen = [a.correct for a in self.answers if levels is None or a.problem.level in levels]
        return Accuracy(sum(chosen), len(chosen))

    def of_level(self, level: int) -> Evaluation:
        """The answers to one level's problems; the time is that of all."""
        return Evaluation(tuple(a for a in self.answers if a.problem.level == level), self.seconds)

    @property
    def levels(self) -> list[int]:
        """The levels there are, in order."""
        return sorted({a.problem.level for a in self.answers if a.problem.level is not None})

    @property
    def tokens(self) -> int:
        """Generated, of all answers."""
        return sum(answer.tokens for answer in self.answers)

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens by wall time."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def latency(self, share: float) -> float:
        """Seconds within which this share of the answers was there, all of them asked at once."""
        ordered = sorted(answer.seconds for answer in self.answers)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


@dataclass(frozen=True)
class PairedDifference:
    """How much more one model solves than another of the same problems, in points of 100."""

    points: float
    low: float
    high: float
    """The 95 % interval over problems. Another training seed would move both models; it does not cover that."""


def compare_paired(evaluation: Evaluation, other: Evaluation) -> PairedDifference:
    """What the first solves beyond the other, both asked the same problems in the same order.

    The interval is that of paired differences, narrower than two separate ones, after half a problem is added to each
    of the four kinds of pairs (Agresti and Min 2005, doi:10.1002/sim.1781): two models that agree on every one of a few
    problems are not proved to be equal.
    """
    pairs = list(zip(evaluation.answers, other.answers, strict=True))
    won = sum(ours.correct and not theirs.correct for ours, theirs in pairs)
    lost = sum(theirs.correct and not ours.correct for ours, theirs in pairs)
    count = len(pairs) + 2
    middle = (won - lost) / count
    half = Z_95 * math.sqrt((won + lost + 1) / count - middle**2) / math.sqrt(count)
    points = (won - lost) / len(pairs) if pairs else 0.0
    return PairedDifference(100 * points, 100 * (middle - half), 100 * (middle + half))


def evaluate_greedy(
    engine: Engine, problems: Iterable[Problem], report: Callable[[int], None] = lambda done: None
) -> Evaluation:
    """Ask every problem once, taking the likeliest token each time; the answers come in the problems' order.

    Problems without a gold answer count as not solved.
    """
    asked = [(problem, Request(str(i), problem.question, 0, greedy=True)) for i, problem in enumerate(problems)]
    return _ask(engine, asked, report)


def evaluate_sampled(
    engine: Engine, problems: Iterable[Problem], samples: int, report: Callable[[int], None] = lambda done: None
) -> Evaluation:
    """Ask every problem so many times, drawn by the engine's sampling; a problem's samples stand side by side."""
    asked = [
        (problem, Request(f"{i}/{sample}", problem.question, seed=i * samples + sample))
        for i, problem in enumerate(problems)
        for sample in range(samples)
    ]
    return _ask(engine, asked, report)


def pass_at_1_interval(evaluation: Evaluation, samples: int) -> tuple[float, float]:
    """The 95 % interval of the share that is right: Wilson's for as many independent samples as would vary as much, at
    least one a problem. The samples of one problem are not independent."""
    shares = [count / samples for count in _count_right(evaluation, samples)]
    count = len(shares)
    if samples == 1 or count < 2:
        return evaluation.accuracy().interval
    mean = sum(shares) / count
    variance = sum((share - mean) ** 2 for share in shares) / (count - 1)
    if mean in (0.0, 1.0):  # that no sample differs says nothing of how alike those of a problem are
        return wilson_interval(mean * count, count)
    most = float(count * samples)
    among = max(float(count), min(most, mean * (1 - mean) * count / variance)) if variance else most
    return wilson_interval(mean * among, among)


def estimate_pass_at(evaluation: Evaluation, samples: int, k: int) -> float:
    """The chance that one of k samples is right, unbiased (Chen et al. 2021, arXiv:2107.03374), from `samples` each."""
    counts = _count_right(evaluation, samples)
    misses = [math.comb(samples - count, k) / math.comb(samples, k) for count in counts]
    return 1 - sum(misses) / len(misses) if misses else 0.0


def _count_right(evaluation: Evaluation, samples: int) -> list[int]:
    """Right answers by problem."""
    right = [answer.correct for answer in evaluation.answers]
    return [sum(right[start : start + samples]) for start in range(0, len(right), samples)]


def _ask(engine: Engine, asked: Sequence[tuple[Problem, Request]], report: Callable[[int], None]) -> Evaluation:
    by_key = {request.key: problem for problem, request in asked}
    started = time.monotonic()
    answers: dict[str, Answered] = {}
    for result in engine.stream(request for _, request in asked):
        answers[result.key] = _judge(by_key[result.key], result if isinstance(result, Completion) else None)
        report(len(answers))
    seconds = time.monotonic() - started
    return Evaluation(tuple(answers[request.key] for _, request in asked), seconds)


def _judge(problem: Problem, completion: Completion | None) -> Answered:
    if completion is None:
        return Answered(problem, "", False, 0, finished=False)
    finished = completion.finish_reason is FinishReason.STOP
    correct = finished and problem.answer is not None and _is_right(problem, problem.answer, completion.text)
    return Answered(problem, completion.text, correct, completion.token_count, completion.seconds, finished)


def _is_right(problem: Problem, gold: str, text: str) -> bool:
    return verify_answer(gold, text, kind=problem.answer_kind).outcome is Outcome.CORRECT
