"""What rests on what, as arcs over a line of steps: only numbers go into the drawing, none of the trace's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_STEPS = 80
"""Beyond them arcs can't be told apart, and the cards' own words say it."""
_RADIUS, _MARGIN, _MAX_RISE = 9.0, 12.0, 64.0
_WIDEST, _NARROWEST, _WIDTH = 44.0, 22.0, 760.0
_ABOVE = 6.0
_QUESTION = -1


@dataclass(frozen=True)
class Arc:
    """That one step rests on another."""

    source: int
    target: int
    path: str


@dataclass(frozen=True)
class Node:
    """A step, or the question (−1)."""

    index: int
    x: float
    check: str


@dataclass(frozen=True)
class ArcDrawing:
    """The arcs and what they join."""

    nodes: tuple[Node, ...]
    arcs: tuple[Arc, ...]
    width: float
    height: float
    baseline: float
    radius: float = _RADIUS


def draw_arcs(steps: Sequence[dict[str, Any]]) -> ArcDrawing | None:
    """The drawing of a trace's steps; None where no step rests on another, or there are too many."""
    edges = sorted(
        {(use, index) for index, step in enumerate(steps) for use in step["depends_on"] or () if use < index}
    )
    if not 2 <= len(steps) <= MAX_STEPS or not any(source >= 0 for source, _ in edges):
        return None
    gap = min(_WIDEST, max(_NARROWEST, _WIDTH / (len(steps) + 1)))
    tallest = max(_rise(source, target, gap) for source, target in edges)
    baseline = tallest + _RADIUS + _ABOVE
    places = {index: _MARGIN + (index + 1) * gap for index in range(_QUESTION, len(steps))}
    nodes = [Node(_QUESTION, places[_QUESTION], "question")]
    nodes += [Node(index, places[index], step["check"]["outcome"]) for index, step in enumerate(steps)]
    arcs = tuple(Arc(source, target, _path(places, source, target, gap, baseline)) for source, target in edges)
    width = places[len(steps) - 1] + _MARGIN
    return ArcDrawing(tuple(nodes), arcs, round(width, 1), round(baseline + _RADIUS + 3, 1), round(baseline, 1))


def _rise(source: int, target: int, gap: float) -> float:
    return 0.0 if target - source == 1 else min(_MAX_RISE, 10.0 + (target - source) * gap * 0.22)


def _path(places: dict[int, float], source: int, target: int, gap: float, baseline: float) -> str:
    x1, x2 = places[source], places[target]
    if target - source == 1:
        return f"M{x1 + _RADIUS:.1f} {baseline:.1f}H{x2 - _RADIUS:.1f}"
    top, middle = baseline - _RADIUS, baseline - _RADIUS - _rise(source, target, gap) * 1.3
    return f"M{x1:.1f} {top:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {top:.1f}"
