"""A completion's likeliest tokens, as the store keeps them."""

from __future__ import annotations

from dataclasses import replace

from tracewright.pipeline.engines.base import Completion
from tracewright.pipeline.generation.records import Finished
from tracewright.pipeline.store import TopLogprobs, TopSettings, make_top_logprobs


def find_top_logprobs(finished: Finished) -> TopLogprobs | None:
    """Those of a completion that has some."""
    result, teacher = finished.result, finished.task.teacher
    found = result.distributions if isinstance(result, Completion) else None
    widths = set(map(len, found.top_ids)) if found is not None else set[int]()
    if found is None or len(widths) != 1 or 0 in widths:  # a place with fewer than k: no table of k columns
        return None
    settings = TopSettings(
        k=widths.pop(),
        tokenizer_hash=teacher.tokenizer_hash,
        vocabulary=found.vocabulary,
        teacher_revision=teacher.revision,
    )
    return make_top_logprobs(found.token_ids, found.logprobs, found.top_ids, found.top_logprobs, settings)


def without_distributions(finished: Finished) -> Finished:
    """What scoring needs of it: a trace's row has none of these numbers."""
    result = finished.result
    if not isinstance(result, Completion) or result.distributions is None:
        return finished
    return replace(finished, result=replace(result, distributions=None))
