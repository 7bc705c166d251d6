"""Which samples of a problem are asked for, and when it has enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tracewright.pipeline.generation.settled import Settled
from tracewright.pipeline.generation.teaching import Teaching
from tracewright.pipeline.scoring import Task
from tracewright.schemas import Problem


@dataclass
class OpenProblem:
    """A problem with samples to ask for or in flight."""

    problem: Problem
    waiting: list[Task]
    """Samples that may still be asked for; the next one is the last of them."""
    correct: int = 0
    in_flight: set[str] = field(default_factory=set[str])
    in_scoring: int = 0

    def next_tasks(self, until_correct: int | None) -> Iterator[Task]:
        """The samples to ask for now: all of them, or as many as may still be missing to the correct ones."""
        wanted = len(self.waiting) if until_correct is None else until_correct - self.correct - self._pending
        for _ in range(min(wanted, len(self.waiting))):
            task = self.waiting.pop()
            self.in_flight.add(task.trace_id)
            yield task

    def is_settled(self, until_correct: int | None) -> bool:
        """Whether nothing more will be asked for."""
        enough = until_correct is not None and self.correct >= until_correct
        return not self._pending and (enough or not self.waiting)

    @property
    def _pending(self) -> int:
        return len(self.in_flight) + self.in_scoring


def open_problem(problem: Problem, teaching: Teaching, settled: Settled) -> tuple[OpenProblem, int]:
    """The problem with the samples that are missing, and how many are settled already."""
    opened, present = OpenProblem(problem, []), 0
    for sample in range(teaching.samples):
        task = Task(problem, teaching.teacher, sample)
        if settled.holds(task.trace_id):
            present += 1
            opened.correct += settled.is_correct(task.trace_id)
        else:
            opened.waiting.append(task)
    opened.waiting.reverse()
    return opened, present
