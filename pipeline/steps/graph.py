"""The step graph: which steps rest on which, what is left unused or said twice, and the longest chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracewright.pipeline.steps.check import CheckedStep
from tracewright.schemas import CheckOutcome


@dataclass(frozen=True)
class StepGraph:
    """The dependencies of a trace's steps. Every edge points from an earlier step (or −1, the question) to a later."""

    checks: tuple[CheckOutcome, ...]
    reasons: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    """Source and target, sorted."""
    unused: tuple[int, ...]
    """Steps that arrive at something on which the last step does not rest, directly or through others."""
    restated: tuple[tuple[int, int], ...]
    """Steps that claim nothing but what an earlier one claimed, with that one."""
    longest_chain: tuple[int, ...]
    """The longest way along the edges, from its first step to its last; the question is left out."""
    corrected_by: tuple[int | None, ...]


def step_graph(checked: Sequence[CheckedStep]) -> StepGraph:
    """The graph of checked steps."""
    edges = tuple(sorted((source, target) for target, step in enumerate(checked) for source in step.depends_on))
    return StepGraph(
        checks=tuple(step.check.outcome for step in checked),
        reasons=tuple(step.check.reason for step in checked),
        edges=edges,
        unused=_find_unused(checked),
        restated=_find_restated(checked),
        longest_chain=_find_longest_chain(checked),
        corrected_by=tuple(step.corrected_by for step in checked),
    )


def _find_unused(checked: Sequence[CheckedStep]) -> tuple[int, ...]:
    used: set[int] = set()
    waiting = [len(checked) - 1] if checked else []
    while waiting:
        step = waiting.pop()
        if step >= 0 and step not in used:
            used.add(step)
            waiting.extend(checked[step].depends_on)
    return tuple(index for index, step in enumerate(checked) if step.claims and index not in used)


def _find_restated(checked: Sequence[CheckedStep]) -> tuple[tuple[int, int], ...]:
    first: dict[str, int] = {}
    restated: list[tuple[int, int]] = []
    for index, step in enumerate(checked):
        claims = ["".join(claim.text.split()) for claim in step.claims]
        if claims and all(claim in first for claim in claims):
            restated.append((index, max(first[claim] for claim in claims)))
        for claim in claims:
            first.setdefault(claim, index)
    return tuple(restated)


def _find_longest_chain(checked: Sequence[CheckedStep]) -> tuple[int, ...]:
    """Longest path in a graph whose edges all point forward: one pass, the earliest of equal ones."""
    lengths: list[int] = []
    before: list[int | None] = []
    for step in checked:
        sources = [source for source in step.depends_on if source >= 0]
        best = max(sources, key=lambda source: (lengths[source], -source), default=None)
        before.append(best)
        lengths.append(1 if best is None else lengths[best] + 1)
    if not lengths:
        return ()
    chain: list[int] = []
    step_index: int | None = lengths.index(max(lengths))
    while step_index is not None:
        chain.append(step_index)
        step_index = before[step_index]
    return tuple(reversed(chain))
