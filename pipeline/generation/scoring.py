"""Scoring completions: what it is, wherever it is done, and doing it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tracewright.pipeline.confidence import Calibration
from tracewright.pipeline.config import ReasoningConfig
from tracewright.pipeline.engines.base import Completion
from tracewright.pipeline.generation.attempts import find_reasoning
from tracewright.pipeline.generation.records import Finished
from tracewright.pipeline.generation.teaching import Teaching
from tracewright.pipeline.scoring import score_completion
from tracewright.pipeline.store import TraceWriter
from tracewright.schemas import Outcome, Trace
from tracewright.schemas.trace import REQUEST_HASH


@dataclass(frozen=True)
class Scored:
    """A row that the writer has."""

    number: int
    """Of its record in the journal."""
    outcome: Outcome


class Scoring(Protocol):
    """Takes completions that the journal has, and gives them to the writer as traces."""

    def submit(self, finished: Finished, number: int) -> list[Scored]:
        """Take one; what the writer got meanwhile, of this or earlier ones."""
        ...

    def collect(self) -> list[Scored]:
        """Wait until there is something; nothing where nothing is outstanding."""
        ...

    def close(self) -> None:
        """End what was started for it."""
        ...


def score(finished: Finished, calibration: Calibration | None, marks: ReasoningConfig) -> Trace:
    """The trace of a completion that is an answer."""
    result = finished.result
    if not isinstance(result, Completion):
        raise TypeError(f"a failure has no trace: {result.reason}")
    return score_completion(
        finished.task,
        result,
        engine=finished.engine,
        calibration=calibration,
        created_at=finished.at,
        metadata={REQUEST_HASH: finished.request},
        reasoning=find_reasoning(result.text, marks),
    )


class InlineScoring:
    """Scores at once, in this process."""

    def __init__(self, writer: TraceWriter, teaching: Teaching) -> None:
        self._writer = writer
        self._teaching = teaching

    def submit(self, finished: Finished, number: int) -> list[Scored]:
        """See `Scoring.submit`."""
        trace = score(finished, self._teaching.calibration, self._teaching.reasoning)
        self._writer.add_trace(trace, number)
        return [Scored(number, trace.verdict.outcome)]

    def collect(self) -> list[Scored]:
        """See `Scoring.collect`."""
        return []

    def close(self) -> None:
        """See `Scoring.close`."""
