"""What the calibrated model sees of a step: its signals, its place, and how its neighbours went. Signals alone.

Neither the text's content nor a check is among the features: checks are the truth that confidence is measured on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracewright.schemas.errors import InputError
from tracewright.schemas.trace import Signals

Floats = npt.NDArray[np.float64]

_SURPRISE_FLOOR = 1e-4
"""Added to a negated logprob before its logarithm: below it a token counts as certain."""
_NO_SURPRISE = float(np.log(_SURPRISE_FLOOR))

STEP_FEATURES = (
    "tokens",
    "mean_surprise",
    "total_surprise",
    "highest_surprise",
    "window_surprise",
    "tail_surprise",
    "position",
    "index",
    "count",
    "chars_per_token",
    "highest_surprise_before",
    "highest_surprise_next",
    "highest_surprise_after",
    "mean_surprise_of_trace",
)
"""Surprises are log(1e-4 − logprob): errors spread over five decades of probability."""
TOP_FEATURES = ("entropy", "self_certainty", "margin")
"""Further ones where the engine gave a top-k."""
ROLLOUT_FEATURES = ("rollout_value", "rollout_drop")
"""Further ones where the step was rolled out: the log odds that a continuation ends right, and their change since the
step before."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """What came of continuing from a step: how many ended right."""

    right: int
    total: int

    @property
    def value(self) -> float:
        """The share that ended right: the step's value (Math-Shepherd, Wang et al. 2023, arXiv:2312.08935)."""
        return self.right / self.total if self.total else 0.0


def feature_names(with_top: bool, with_rollouts: bool) -> tuple[str, ...]:
    """The names of the features' columns, in order."""
    return STEP_FEATURES + TOP_FEATURES * with_top + ROLLOUT_FEATURES * with_rollouts


def has_top(signals: Signals) -> bool:
    """Whether the signals hold what a top-k gives."""
    return signals.entropy is not None and signals.self_certainty is not None and signals.margin is not None


def build_features(
    signals: Sequence[Signals | None],
    chars: Sequence[int],
    with_top: bool,
    rollouts: Sequence[Rollout | None] | None = None,
) -> tuple[Floats, list[int]]:
    """The features of a trace's scorable steps (S × F) and which steps they are.

    `signals`, `chars` (characters of the step's text) and `rollouts` have one entry for each step of the trace, in
    order. A step is scorable where it has signals, those of a top-k if `with_top`, and a rollout if there are any.

    Raises:
        InputError: there are not as many lengths, or rollouts, as steps.
    """
    if len(signals) != len(chars) or (rollouts is not None and len(rollouts) != len(signals)):
        raise InputError(
            f"a trace needs one length, and one rollout or none, for each step: {len(signals)} steps, {len(chars)} "
            f"lengths, {'no' if rollouts is None else len(rollouts)} rollouts"
        )
    scored = [
        (index, step, length)
        for index, (step, length) in enumerate(zip(signals, chars, strict=True))
        if step is not None and (has_top(step) or not with_top) and (rollouts is None or rollouts[index] is not None)
    ]
    if not scored:
        return np.empty((0, len(feature_names(with_top, rollouts is not None)))), []
    raw = np.array([_raw_row(step, index, length) for index, step, length in scored])
    columns = [*_own_columns(raw, len(signals)), *_neighbour_columns(raw)]
    if with_top:
        tops = np.array([[step.entropy, step.self_certainty, step.margin] for _, step, _ in scored], dtype=np.float64)
        columns += [_log_surprise(tops[:, 0]), tops[:, 1], _log_surprise(tops[:, 2])]
    if rollouts is not None:
        columns += _rollout_columns([rollouts[index] for index, _, _ in scored])
    return np.column_stack(columns), [index for index, _, _ in scored]


def _raw_row(step: Signals, index: int, length: int) -> tuple[float, ...]:
    return (
        step.tokens,
        -step.mean_logprob,
        -step.min_logprob,
        -step.lowest_window_logprob,
        -step.tail_logprob,
        step.position,
        index,
        length,
    )


def _own_columns(raw: Floats, count: int) -> list[Floats]:
    tokens, mean, highest, window, tail, position, index, chars = raw.T
    return [
        np.log1p(tokens),
        _log_surprise(mean),
        _log_surprise(mean * tokens),
        _log_surprise(highest),
        _log_surprise(window),
        _log_surprise(tail),
        position,
        np.log1p(index),
        np.full(len(raw), np.log1p(count)),
        chars / tokens,
    ]


def _neighbour_columns(raw: Floats) -> list[Floats]:
    """A wrong step often follows doubtful ones and makes the next ones doubtful."""
    tokens, mean, highest = raw[:, 0], raw[:, 1], _log_surprise(raw[:, 2])
    rising, falling = np.maximum.accumulate(highest), np.maximum.accumulate(highest[::-1])[::-1]
    edge = np.array([_NO_SURPRISE])
    return [
        np.concatenate([edge, rising[:-1]]),
        np.concatenate([highest[1:], edge]),
        np.concatenate([falling[1:], edge]),
        np.full(len(raw), _log_surprise(np.array([(mean * tokens).sum() / tokens.sum()]))[0]),
    ]


def _rollout_columns(rollouts: Sequence[Rollout | None]) -> list[Floats]:
    """Log odds with half a count added to both sides, so that none and all stay finite."""
    counts = np.array([(one.right, one.total - one.right) for one in rollouts if one is not None], dtype=np.float64)
    values = np.log((counts[:, 0] + 0.5) / (counts[:, 1] + 0.5))
    return [values, np.diff(values, prepend=values[:1])]


def _log_surprise(values: Floats) -> Floats:
    return np.log(np.maximum(values, 0.0) + _SURPRISE_FLOOR)
