"""Raw numbers about each step of a completion, from the logprobs of its tokens: one pass, no model.

Plain Python where a step's sampled tokens are summed up: steps have about 15 tokens, and a NumPy call costs more than
adding 15 numbers. NumPy over the whole trace where there is a top-k: k times as many numbers, and exponentials.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    logprobs = [min(value, 0.0) if value > LOGPROB_FLOOR else LOGPROB_FLOOR for value in token_logprobs]
    _check_lengths(len(logprobs), token_spans, top_logprobs)
    tops = _token_sums(top_logprobs) if top_logprobs else None
    return [_sum_up(logprobs, span, tops) if span and span.end > span.start else None for span in token_spans]


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


def _sum_up(logprobs: list[float], span: Span, tops: _TokenSums | None) -> Signals:
    step = logprobs[span.start : span.end]
    tail = step[-TAIL_TOKENS:]
    entropy, certainty, margin = tops or (None, None, None)
    return Signals(
        tokens=len(step),
        mean_logprob=sum(step) / len(step),
        min_logprob=min(step),
        lowest_window_logprob=min(lowest_window(step, WINDOW_TOKENS), 0.0),
        tail_logprob=sum(tail) / len(tail),
        entropy=_mean(entropy, span),
        self_certainty=_mean(certainty, span),
        margin=_lowest(margin, span),
        position=span.start / len(logprobs),
    )


def _mean(values: Floats | None, span: Span) -> float | None:
    known = _known(values, span)
    return float(known.sum() / len(known)) if known is not None else None


def _lowest(values: Floats | None, span: Span) -> float | None:
    known = _known(values, span)
    return float(known.min()) if known is not None else None


def _known(values: Floats | None, span: Span) -> Floats | None:
    if values is None:
        return None
    part = values[span.start : span.end]
    known = part[~np.isnan(part)]
    return known if len(known) else None


def _token_sums(top_logprobs: Sequence[Sequence[float]]) -> _TokenSums:
    table, known = _to_table(top_logprobs)
    counts = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        certainty = -np.where(known, table, 0.0).sum(axis=1) / np.where(counts > 0, counts, np.nan)
    weights = np.where(known, np.exp(table), 0.0)
    mass = np.where(counts > 0, weights.sum(axis=1), np.nan)
    # −Σ q log q with q = w/mass is log mass − Σ w log w / mass: one logarithm a token.
    entropy = np.log(mass) - (weights * np.where(known, table, 0.0)).sum(axis=1) / mass
    return np.maximum(entropy, 0.0), certainty, _margins(table, counts)


def _margins(table: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    if table.shape[1] < 2:
        return np.full(len(table), np.nan)
    best = np.partition(table, -2, axis=1)[:, -2:]
    return np.where(counts > 1, best[:, 1] - best[:, 0], np.nan)


def _to_table(rows: Sequence[Sequence[float]]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The rows as a rectangle, clamped like the sampled ones, and which of its cells the engine gave."""
    width = max(*map(len, rows), 1)
    if all(len(row) == width for row in rows):
        table, known = np.array(rows, dtype=np.float64), np.ones((len(rows), width), dtype=np.bool_)
    else:
        known = np.arange(width) < np.array([len(row) for row in rows])[:, None]
        table = np.full((len(rows), width), LOGPROB_FLOOR)
        table[known] = [value for row in rows for value in row]
    table = np.where(table > LOGPROB_FLOOR, np.minimum(table, 0.0), LOGPROB_FLOOR)
    return np.where(known, table, LOGPROB_FLOOR - 1.0), known
