"""What the engine's process says of a request, as the run takes it.

The process sends the numbers as vLLM keeps them, and they are taken apart here, where another core has time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracewright.pipeline.engines.base import Completion, Distributions, Failure
from tracewright.schemas import FinishReason

_LEAST_LOGPROB = -9_999.0
"""Stands for minus infinity and for no number, which JSON does not have."""
_DIGITS = 6
_FINISH_REASONS = {reason.value: reason for reason in FinishReason}
"""vLLM has more of them, `repetition` for one."""


def read_result(message: dict[str, Any]) -> Completion | Failure:
    """A result from the process's message."""
    if "failure" in message:
        return Failure(message["key"], message["failure"])
    count = len(message["token_ids"])
    sampled = top = distributions = None
    if message["logprobs"] is not None:
        sampled, top = _split(message["logprobs"], message["starts"])
        if message["top_ids"] is not None:
            distributions = read_distributions(message)
    return Completion(
        key=message["key"],
        prompt=message["prompt"],
        text=message["text"],
        finish_reason=_FINISH_REASONS.get(message["finish_reason"], FinishReason.ABORT),
        token_ids=tuple(message["token_ids"]),
        token_logprobs=sampled and sampled[:count],
        token_ends=tuple(message["token_ends"]),
        top_logprobs=top[:count] if top and top[0] else None,
        token_count=count,
        seconds=message["seconds"],
        prompt_token_count=message["prompt_token_count"],
        distributions=distributions,
        ended=str(message["finish_reason"]),
    )


def read_distributions(message: dict[str, Any]) -> Distributions:
    """What the process says of every place of a text."""
    drawn, top = _split(message["logprobs"], message["starts"])
    return Distributions(
        token_ids=tuple(message["all_token_ids"]),
        logprobs=drawn,
        top_ids=_cut(message["top_ids"], message["starts"]),
        top_logprobs=top,
        vocabulary=message["vocabulary"],
    )


def _split(flat: list[float | None], starts: list[int]) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """The sampled tokens' logprobs and the top-k's: at each place vLLM gives the sampled token, then the k likeliest.
    All numbers are rounded at once: one by one they took a tenth of a small engine's time."""
    numbers = np.nan_to_num(np.array(flat, np.float64), nan=_LEAST_LOGPROB, neginf=_LEAST_LOGPROB)
    values = tuple(np.round(numbers, _DIGITS).tolist())
    return tuple(values[start] for start in starts), _cut(values, starts)


def _cut(values: Any, starts: list[int]) -> tuple[tuple[Any, ...], ...]:
    """What stands behind the first at each place."""
    ends = [*starts[1:], len(values)]
    return tuple(tuple(values[start + 1 : end]) for start, end in zip(starts, ends, strict=True))
