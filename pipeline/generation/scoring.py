"""Scoring completions: what it is, wherever it is done, and doing it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tracewright.pipeline.confidence import Calibration
from tracewright.pipeline.engines.base import Completion
from tracewright.pipeline.generation.attempts import find_reasoning, make_failed_attempt
from tracewright.pipeline.generation.records import Finished
from tracewright.pipeline.scoring import score_completion
from tracewright.schemas import Outcome, Trace
from tracewright.schemas.trace import REQUEST_HASH

if TYPE_CHECKING:
    from tracewright.pipeline.config import ReasoningConfig
    from tracewright.pipeline.generation.teaching import Teaching
    from tracewright.pipeline.store import TraceWriter


@dataclass(frozen=True)
class Scored:
    """A row that the writer has."""

    number: int
    """Of its record in the journal."""
    outcome: Outcome | None
    """None: it could not be scored, and is kept as a failure."""


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


def try_to_score(finished: Finished, calibration: Calibration | None, marks: ReasoningConfig) -> Trace | str:
    """The trace, or why there is none: a completion that breaks the scoring costs its own row, not the run."""
    try:
        trace = score(finished, calibration, marks)
        f"{trace.text}{trace.prompt}".encode()  # lone surrogates pass the models and stop a whole shard
    except Exception as error:  # noqa: BLE001 - the text is a stranger's; the error goes to its row
        return f"it could not be scored: {type(error).__name__}: {error}"
    return trace


def keep_unscored(writer: TraceWriter, finished: Finished, number: int, reason: str) -> Scored:
    """Give the writer a completion that could not be scored, as a failure with its text."""
    writer.add_attempt(make_failed_attempt(finished, reason), number)
    return Scored(number, None)


class InlineScoring:
    """Scores at once, in this process."""

    def __init__(self, writer: TraceWriter, teaching: Teaching) -> None:
        self._writer = writer
        self._teaching = teaching

    def submit(self, finished: Finished, number: int) -> list[Scored]:
        """See `Scoring.submit`."""
        from tracewright.pipeline.generation.distributions import find_top_logprobs  # loads the store

        trace = try_to_score(finished, self._teaching.calibration, self._teaching.reasoning)
        if isinstance(trace, str):
            return [keep_unscored(self._writer, finished, number, trace)]
        self._writer.add_trace(trace, number, find_top_logprobs(finished))
        return [Scored(number, trace.verdict.outcome)]

    def collect(self) -> list[Scored]:
        """See `Scoring.collect`."""
        return []

    def close(self) -> None:
        """See `Scoring.close`."""
