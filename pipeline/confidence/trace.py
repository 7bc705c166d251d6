"""From steps to a trace, and from a problem's traces to one answer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Pooling = Literal["minimum", "product", "bottom_decile"]
BOTTOM_SHARE = 0.1
"""The bottom decile is the mean of so large a share of the steps, at least one."""

AnswerT = TypeVar("AnswerT", bound=Hashable)


@dataclass(frozen=True)
class Vote:
    """What a problem's traces say together; None where no trace has an answer."""

    weighted: Hashable | None
    """The answer with the largest sum of confidences."""
    majority: Hashable | None
    """The answer that most traces give."""
    weights: Mapping[Hashable, float]
    counts: Mapping[Hashable, int]


def trace_confidence(step_confidences: Sequence[float | None], pooling: Pooling = "minimum") -> float | None:
    """How sure we are that a trace has no wrong step; None where no step has a confidence.

    `minimum`: a trace is as good as its weakest step (Lightman et al. 2023, arXiv:2305.20050, appendix F, compare it
    with the product). `product`: the probability that all steps are right if they were independent. `bottom_decile`:
    the mean of the lowest tenth of the steps, steadier in traces of many steps. Steps without a confidence are left
    out: they have no tokens, or no signals.
    """
    known = sorted(value for value in step_confidences if value is not None)
    if not known:
        return None
    if pooling == "product":
        return math.prod(known)
    lowest = known[: max(1, math.ceil(BOTTOM_SHARE * len(known)))] if pooling == "bottom_decile" else known[:1]
    return sum(lowest) / len(lowest)


def vote(answers: Sequence[AnswerT | None], confidences: Sequence[float | None]) -> Vote:
    """Weigh the answers of a problem's traces by their confidence (Fu et al. 2025, arXiv:2508.15260), and count them.

    `answers` must be equal where they mean the same: give normalised ones. A trace without an answer has no vote; one
    without a confidence weighs 0, and where no trace that answers has one, the weighted vote is the majority. Ties go
    to the answer with more votes, then to the one given first.
    """
    counts: dict[Hashable, int] = defaultdict(int)
    weights: dict[Hashable, float] = defaultdict(float)
    for answer, confidence in zip(answers, confidences, strict=True):
        if answer is not None:
            counts[answer] += 1
            weights[answer] += confidence or 0.0
    weighted = max(counts, key=lambda answer: (weights[answer], counts[answer]), default=None)
    majority = max(counts, key=lambda answer: counts[answer], default=None)
    return Vote(weighted=weighted, majority=majority, weights=dict(weights), counts=dict(counts))
