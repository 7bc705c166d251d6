"""When a budget leaves no room for another request."""

from __future__ import annotations

from tracewright.pipeline.generation.counts import GenerationCounts
from tracewright.pipeline.generation.teaching import Teaching

_UNKNOWN_TOKENS = 1_024
"""Of a completion, before there is one, where no limit says."""


def find_limit(counts: GenerationCounts, teaching: Teaching, in_flight: int) -> str | None:
    """Why no further request may be begun now, counting those in flight at the run's mean; None where one may.

    In flight there may be more than the mean says: tokens are passed by what the last requests in flight exceed it.
    """
    budget = teaching.budget
    made = max(1, counts.results)
    tokens_each = counts.tokens / made if counts.tokens else float(teaching.max_tokens or _UNKNOWN_TOKENS)
    if budget.tokens is not None and counts.tokens + (in_flight + 1) * tokens_each > budget.tokens:
        return f"the budget of {budget.tokens:,} tokens"
    if budget.seconds is not None and counts.seconds >= budget.seconds:
        return f"the budget of {budget.seconds:,.0f} s"
    cost_each = counts.cost / made if counts.cost else tokens_each * teaching.price.tokens / 1_000_000
    if budget.cost is not None and counts.cost + (in_flight + 1) * cost_each > budget.cost:
        return f"the budget of {budget.cost:,.2f}"
    return None
