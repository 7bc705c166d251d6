"""Raw numbers about each step of a completion, from the logprobs of its tokens: one pass, no model.

Every signal is one NumPy call over the whole trace and all of its steps: a call for each step costs more than the
15 numbers that it adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from tracewright.schemas.errors import InputError
from tracewright.schemas.trace import Signals, Span

WINDOW_TOKENS = 8
"""Length of the sliding window; a shorter step is one window. DeepConf slides over 2,048 tokens of a whole trace; a
step here is one line, 26 tokens long on average in the embedded teacher's traces, where lengths from 1 to 24 rank
steps about equally well (AUROC 0.976 to 0.978)."""
TAIL_TOKENS = 8
"""How many tokens the tail has: where a step states its result."""
LOGPROB_FLOOR = -30.0
"""Smaller logprobs, −inf and what is no number count as this (a probability of 1e-13): one such token says that the
engine's number ran out, not how unlikely the step is."""

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
_TokenSums = tuple[Floats, Floats, Floats]
"""Entropy, self-certainty and margin per token; NaN where the engine gave too few alternatives."""


def step_signals(
    token_logprobs: Sequence[float],
    token_spans: Sequence[Span | None],
    top_logprobs: Sequence[Sequence[float]] | None = None,
) -> list[Signals | None]:
    """The signals of every step, in order; None for a step without tokens.

    With l_1 … l_n the clamped logprobs of a step's n tokens (natural logarithm, of the sampled tokens):

    - `mean_logprob` = 1/n Σ l_i; its exponential is the inverse of the step's perplexity.
    - `min_logprob` = min l_i.
    - `lowest_window_logprob` = min over j of 1/w Σ_{i=j}^{j+w−1} l_i with w = min(WINDOW_TOKENS, n): the lowest group
      confidence of DeepConf (Fu et al. 2025, arXiv:2508.15260, section 3.1), over sampled tokens and within a step.
    - `tail_logprob` = the mean of the last min(TAIL_TOKENS, n): DeepConf's tail confidence, likewise.
    - `position` = tokens before the step / all tokens.

    With `top_logprobs`, the logprobs p_1 ≥ … ≥ p_k of the likeliest tokens at each place (in any order, any k, the
    sampled token may be among them), means being over the step's tokens:

    - `entropy` = mean of −Σ q_j log q_j with q the top-k, renormalised; what lies beyond the top-k is left out.
    - `self_certainty` = mean of −1/k Σ_j log p_j: the token confidence of DeepConf; up to the constant log V it is
      self-certainty, the divergence of the prediction from a uniform one (Kang et al. 2025, arXiv:2502.18581), cut
      to the top-k. It is larger where the teacher is surer.
    - `margin` = min over the step's tokens of p_1 − p_2 (margin sampling, Scheffer et al. 2001).

    The spans need not cover all tokens or come in order. Deterministic.

    Raises:
        InputError: a span ends after the last token, or `top_logprobs` has another length than `token_logprobs`.
    """
    _check_lengths(len(token_logprobs), token_spans, top_logprobs)
    signals: list[Signals | None] = [None] * len(token_spans)
    places = [place for place, span in enumerate(token_spans) if span and span.end > span.start]
    if not places:
        return signals
    pairs = [(span.start, span.end) for span in token_spans if span and span.end > span.start]
    starts, ends = np.array(pairs, dtype=np.intp).T
    logprobs = _clamp(np.array(token_logprobs, dtype=np.float64))
    ranges = _join(starts, ends)
    columns = [*_sum_up(logprobs, starts, ends, ranges), *_sum_up_top(top_logprobs, ends - starts, ranges)]
    for place, row in zip(places, zip(*columns, strict=True), strict=True):
        tokens, mean, lowest, window, tail, position, entropy, certainty, margin = row
        signals[place] = Signals(
            tokens=tokens,
            mean_logprob=mean,
            min_logprob=lowest,
            lowest_window_logprob=window,
            tail_logprob=tail,
            entropy=entropy,
            self_certainty=certainty,
            margin=margin,
            position=position,
        )
    return signals


def lowest_window(logprobs: Sequence[float], length: int) -> float:
    """The lowest mean over `length` consecutive numbers; over all of them where there are fewer.

    Raises:
        InputError: there are no numbers, or the length is not positive.
    """
    if not logprobs or length < 1:
        raise InputError(f"a window needs a length of 1 or more and one number or more: {length}, {len(logprobs)}")
    if len(logprobs) <= length:
        return sum(logprobs) / len(logprobs)
    window = lowest = sum(logprobs[:length])
    for entering, leaving in zip(logprobs[length:], logprobs, strict=False):
        window += entering - leaving
        lowest = min(lowest, window)
    return lowest / length


def _check_lengths(tokens: int, spans: Sequence[Span | None], top_logprobs: Sequence[Sequence[float]] | None) -> None:
    last = max((span.end for span in spans if span), default=0)
    if last > tokens:
        raise InputError(f"a step ends at token {last} and there are {tokens} logprobs: cut and score the same tokens")
    if top_logprobs and len(top_logprobs) != tokens:
        raise InputError(
            f"{len(top_logprobs)} tokens have top logprobs and {tokens} have logprobs: give one row a token"
        )


def _clamp(values: Floats) -> Floats:
    """Between LOGPROB_FLOOR and 0; what is no number becomes the floor."""
    return np.where(values > LOGPROB_FLOOR, np.minimum(values, 0.0), LOGPROB_FLOOR)


def _sum_up(logprobs: Floats, starts: Places, ends: Places, ranges: Places) -> list[list[Any]]:
    """Tokens, mean, minimum, lowest window, tail and position of each step."""
    counts = ends - starts
    means = _reduce(np.add, logprobs, ranges) / counts
    tails = np.minimum(counts, TAIL_TOKENS)
    columns = (
        counts,
        means,
        _reduce(np.minimum, logprobs, ranges),
        _lowest_windows(logprobs, starts, ends, means),
        _reduce(np.add, logprobs, _join(ends - tails, ends)) / tails,
        starts / len(logprobs),
    )
    return [column.tolist() for column in columns]


def _lowest_windows(logprobs: Floats, starts: Places, ends: Places, means: Floats) -> Floats:
    longer = ends - starts > WINDOW_TOKENS
    if not longer.any():
        return means
    windows = np.convolve(logprobs, np.ones(WINDOW_TOKENS), "valid") / WINDOW_TOKENS
    lowest = means.copy()
    lowest[longer] = _reduce(np.minimum, windows, _join(starts[longer], ends[longer] - WINDOW_TOKENS + 1))
    return lowest


def _sum_up_top(
    top_logprobs: Sequence[Sequence[float]] | None, counts: Places, ranges: Places
) -> list[list[float | None]]:
    """Entropy, self-certainty and margin of each step; None where the engine gave too little."""
    if not top_logprobs:
        return [[None] * len(counts)] * 3
    entropy, certainty, margin = _token_sums(top_logprobs)
    return [
        *(_average(values, counts, ranges) for values in (entropy, certainty)),
        _none_for_nan(_reduce(np.fmin, margin, ranges)),
    ]


def _average(values: Floats, counts: Places, ranges: Places) -> list[float | None]:
    """Over the tokens whose value is known."""
    known = ~np.isnan(values)
    if known.all():
        return (_reduce(np.add, values, ranges) / counts).tolist()
    sums = _reduce(np.add, np.where(known, values, 0.0), ranges)
    given = _reduce(np.add, known.astype(np.float64), ranges)
    return _none_for_nan(np.divide(sums, given, out=np.full(len(sums), np.nan), where=given > 0))


def _none_for_nan(values: Floats) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _join(starts: Places, ends: Places) -> Places:
    """Half-open ranges as one row of places, each start before its end."""
    return np.array((starts, ends)).T.ravel()


def _reduce(function: np.ufunc, values: Floats, ranges: Places) -> Floats:
    """The function over each range; the ranges are not empty and may overlap or come in any order."""
    # `reduceat` goes from each place to the next one: every second result is a range's, the others are gaps.
    return function.reduceat(np.append(values, 0.0), ranges)[::2]


def _token_sums(top_logprobs: Sequence[Sequence[float]]) -> _TokenSums:
    table, counts = _to_table(top_logprobs)
    weights, cells = np.exp(table), table
    if counts is None:
        counts = np.full(table.shape[1], len(table))
    else:
        given = np.arange(len(table))[:, None] < counts
        weights, cells = weights * given, table * given
    mass, sums = weights.sum(axis=0), cells.sum(axis=0)
    mass[counts == 0] = np.nan
    # −Σ q log q with q = w/mass is log mass − Σ w log w / mass: one logarithm a token.
    entropy = np.maximum(np.log(mass) - (weights * cells).sum(axis=0) / mass, 0.0)
    certainty = -np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return entropy, certainty, _margins(table, counts)


def _margins(table: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    if len(table) < 2:
        return np.full(table.shape[1], np.nan)
    best = np.partition(table, -2, axis=0)[-2:]
    return np.where(counts > 1, best[1] - best[0], np.nan)


def _to_table(rows: Sequence[Sequence[float]]) -> tuple[Floats, npt.NDArray[np.int64] | None]:
    """A column for each row given, clamped like the sampled ones; how long each was, None where all are alike.

    A place of all tokens lies together in memory: NumPy adds up few long rows many times faster than many short ones.
    """
    lengths = list(map(len, rows))
    width = max(*lengths, 1)
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=sum(lengths))
    if min(lengths) == width:
        return _clamp(np.ascontiguousarray(flat.reshape(len(rows), width).T)), None
    counts = np.array(lengths)
    table = np.full((width, len(rows)), LOGPROB_FLOOR)
    # Assigned through the view in which a row is a row, in the order of the numbers.
    table.T[np.arange(width) < counts[:, None]] = _clamp(flat)
    return table, counts
