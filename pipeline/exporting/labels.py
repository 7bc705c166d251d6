"""Traces with the ratings of their steps: the reviewers' that stand, else those that came with the trace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tracewright.schemas.trace import SOURCE_RATINGS, Trace


@dataclass(frozen=True)
class Labelled:
    """A trace to export."""

    trace: Trace
    labels: tuple[int | None, ...]
    """For each step −1, 0, 1, or None where nobody rated it."""

    @property
    def is_rated(self) -> bool:
        """Whether any step has a rating."""
        return any(label is not None for label in self.labels)


def label_traces(traces: Iterable[Trace], reviewed: Mapping[str, Mapping[int, int]]) -> Iterator[Labelled]:
    """The traces with their labels; `reviewed` has what stands of published reviews, by trace id and step."""
    for trace in traces:
        given = json.loads(trace.metadata.get(SOURCE_RATINGS, "[]"))
        labels = {**dict(enumerate(given)), **reviewed.get(trace.trace_id, {})}
        yield Labelled(trace, tuple(labels.get(step) for step in range(len(trace.steps))))
