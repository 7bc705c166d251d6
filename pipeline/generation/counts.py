"""What a run has done so far."""

from __future__ import annotations

from dataclasses import dataclass

_MILLION = 1_000_000
_HOUR_SECONDS = 3_600.0


@dataclass
class GenerationCounts:
    """Counts of one run; a second run of a finished config has everything under `present`."""

    problems: int = 0
    """Read so far."""
    settled_problems: int = 0
    """Of these, those that nothing more is asked for in this run."""
    rejected: int = 0
    wanted: int = 0
    """Samples that the problems read so far have come to."""
    present: int = 0
    """Of these, settled when the run began: in the store, or tried and not to be tried again."""
    replayed: int = 0
    """Finished from the journal of a run that was cut off."""
    traces: int = 0
    """New in this run, the replayed ones excluded: those are present."""
    correct: int = 0
    truncated: int = 0
    failed: int = 0
    stopped_early: int = 0
    """Given up, as the teacher was not sure enough."""
    tokens_saved: int = 0
    """By that, about: what completions of this teacher that became longer had more, in the mean."""
    tokens: int = 0
    """Of the completions that the engine made in this run."""
    prompt_tokens: int = 0
    seconds: float = 0.0
    """Since the engine was first asked."""
    cost: float = 0.0
    last_failure: str | None = None
    """Why the last request that failed did."""
    stopped: str | None = None
    """Why the run ended before all was done."""

    @property
    def done(self) -> int:
        """How many of the wanted traces are settled, one way or another."""
        return self.present + self.results

    @property
    def results(self) -> int:
        """What the engine gave in this run."""
        return self.traces + self.truncated + self.failed + self.stopped_early

    @property
    def failed_share(self) -> float:
        """Of the results of this run."""
        return self.failed / self.results if self.results else 0.0

    @property
    def accepted_share(self) -> float:
        """Correct traces by the results of this run."""
        return self.correct / self.results if self.results else 0.0

    @property
    def tokens_per_second(self) -> float:
        """New tokens by the time since the engine was first asked."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def add_cost(self, prompt_price: float, token_price: float, hour_price: float) -> None:
        """Compute the cost so far, from prices a million tokens and an hour."""
        tokens = self.prompt_tokens * prompt_price + self.tokens * token_price
        self.cost = tokens / _MILLION + self.seconds / _HOUR_SECONDS * hour_price
