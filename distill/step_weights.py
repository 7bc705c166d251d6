"""How much each token of a completion counts in the trace loss, by the step that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracewright.distill.loss_config import TraceConfig

Spans = Sequence[tuple[int, int]]
"""Of tokens, in characters of the completion."""


def weigh_tokens(text: str, spans: Spans, steps: Sequence[Mapping[str, Any]], config: TraceConfig) -> tuple[float, ...]:
    """A weight for each token, and one more for the end token.

    A step counts by its confidence (fully, where it has none), and not at all where its check fails or its reviewers
    rated it −1: a failed step is read on the way to later ones, but not imitated. The first token of a step, and what
    stands between steps, counts `boundary` times as much; the last line, where the answer stands, and the end token
    `format` times.

    Args:
        text: the completion.
        spans: of its tokens, in order.
        steps: of a released row.
        config: the trace loss's settings.
    """
    weights = [_weigh_token(span, steps, config) for span in spans]
    last_line = len(text.rstrip()) - len(text.rstrip().rsplit("\n", 1)[-1])
    formatted = [w * config.format if start >= last_line else w for w, (start, _) in zip(weights, spans, strict=True)]
    return (*formatted, config.format)


def _weigh_token(span: tuple[int, int], steps: Sequence[Mapping[str, Any]], config: TraceConfig) -> float:
    for step in steps:
        start, end = step["span"]["start"], step["span"]["end"]
        if start < span[1] and span[0] < end:
            begins = span[0] <= start
            return _weigh_step(step, config) * (config.boundary if begins else 1.0)
    return config.boundary


def _weigh_step(step: Mapping[str, Any], config: TraceConfig) -> float:
    if config.checks and (step["check"] == "fails" or step["label"] == -1):
        return 0.0
    confidence = step["confidence"]
    return confidence if config.confidence and confidence is not None else 1.0
