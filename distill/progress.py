"""Where a training stands, for people."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """How far a training run is."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingStep:
    """Where a student's training stands."""

    step: int
    total_steps: int
    losses: dict[str, float]
    learning_rate: float
    tokens_per_second: float
    """Since the training began or was resumed."""
    seconds_left: float
    temperature: float | None = None
    """Of the output loss; None where there is none."""
    stage: str = ""
    """Which of the config's stages it is."""
    memory_bytes: int = 0
    """Taken until now, at the most, beside what the process held before."""
    predicted_memory_bytes: int = 0


class Clock:
    """Time and tokens of a run that may have been interrupted."""

    def __init__(self, position: Position) -> None:
        self._began = time.monotonic()
        self._before = position
        self._now = position

    def advance(self, tokens: int) -> Position:
        """One step further, with so many tokens more."""
        seconds = self._before.seconds + time.monotonic() - self._began
        self._now = Position(self._now.step + 1, self._now.tokens + tokens, seconds)
        return self._now

    @property
    def tokens_per_second(self) -> float:
        """Since the training began or was resumed."""
        return (self._now.tokens - self._before.tokens) / max(1e-9, self._now.seconds - self._before.seconds)

    def left(self, total_steps: int) -> float:
        """Seconds, if it goes on as since the start."""
        done = max(1, self._now.step - self._before.step)
        return (self._now.seconds - self._before.seconds) / done * (total_steps - self._now.step)


class Stopwatch:
    """Wall time by stage."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.stages: dict[str, float] = {}

    def stop(self, stage: str) -> None:
        """The time since the stage before, or since the beginning, was this stage's."""
        now = time.monotonic()
        self.stages[stage] = round(now - self._began, 1)
        self._began = now
