"""How sure a teacher is while it writes: DeepConf's group confidence (arXiv:2508.15260), token by token.

A token's confidence is the mean of −log p over the likeliest tokens of its place: high where one of them has it all.
With fewer than two of them it is the drawn token's own logprob. The running confidence is the mean over the last
`window` tokens; before there are as many, there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MIN_TOP = 2


@dataclass(frozen=True)
class EarlyStop:
    """When a completion is given up before its end."""

    window: int
    """Tokens."""
    threshold: float
    """A running confidence below it ends the completion."""


@dataclass
class RunningConfidence:
    """Follows one completion."""

    rule: EarlyStop
    value: float | None = None
    seen: int = 0
    """Tokens so far."""
    _sum: float = 0.0
    _last: deque[float] = field(default_factory=deque[float])

    def add(self, drawn: float, top: Sequence[float]) -> bool:
        """Take a token with the logprobs of its place; whether the completion is to be ended."""
        confidence = token_confidence(drawn, top)
        self._last.append(confidence)
        self._sum += confidence
        self.seen += 1
        if len(self._last) > self.rule.window:
            self._sum -= self._last.popleft()
        if len(self._last) < self.rule.window:
            return False
        self.value = self._sum / self.rule.window
        return self.value < self.rule.threshold


def token_confidence(drawn: float, top: Sequence[float]) -> float:
    """One token's, from raw logprobs."""
    return -sum(top) / len(top) if len(top) >= MIN_TOP else drawn


def lowest_confidence(drawn: Sequence[float], top: Sequence[Sequence[float]] | None, window: int) -> float | None:
    """The lowest running confidence of a whole completion; None where it has fewer tokens than the window."""
    if len(drawn) < window:
        return None
    places = top if top is not None else [()] * len(drawn)
    confidences = [token_confidence(*place) for place in zip(drawn, places, strict=True)]
    sums = np.cumsum([0.0, *confidences])
    return float(((sums[window:] - sums[:-window]) / window).min())
