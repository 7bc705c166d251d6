"""The step graph of one trace as an SVG drawing: only numbers go into it, none of the trace's text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracewright.pipeline.steps import GraphLayout, PlacedEdge, PlacedNode, check_steps, lay_out, step_graph
from tracewright.schemas.verdict import CheckOutcome

_COLUMN, _ROW, _RADIUS, _MARGIN = 58, 40, 13, 4
"""In units of the drawing, which are pixels where there is room."""
_ARC = 24
"""How far an edge that skips columns bends away from the nodes between."""


def draw_step_graph(question: str, steps: Sequence[str]) -> str:
    """Which step rests on which, from the question on the left to the last step; empty where no step rests on another.

    A ring's colour is the step's check, a dashed ring a step that the last one does not rest on, the thick line the
    longest chain.
    """
    layout = lay_out(step_graph(check_steps(question, steps)))
    if not any(edge.source >= 0 for edge in layout.edges):
        return ""
    places = {node.step: _place(node) for node in layout.nodes}
    width = layout.columns * _COLUMN
    top = _ARC if any(_bend(edge, places) and places[edge.source][1] < _ROW for edge in layout.edges) else 0
    height = layout.rows * _ROW + top
    parts = (*_edges(layout, places), *_nodes(layout, places))
    return (
        f'<svg viewBox="0 {-top} {width} {height}" width="{width}" height="{height}" focusable="false">'
        f"{''.join(parts)}</svg>"
    )


def _place(node: PlacedNode) -> tuple[float, float]:
    return node.column * _COLUMN + _RADIUS + _MARGIN, node.row * _ROW + _RADIUS + _MARGIN


def _edges(layout: GraphLayout, places: dict[int, tuple[float, float]]) -> Iterator[str]:
    """The chain last, so that it lies on top."""
    for edge in sorted(layout.edges, key=lambda one: one.is_on_longest_chain):
        yield f'<path class="{"chain" if edge.is_on_longest_chain else "edge"}" d="{_path(edge, places)}"/>'


def _path(edge: PlacedEdge, places: dict[int, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    middle, bend = (x1 + x2) / 2, _bend(edge, places)
    x1, x2 = x1 + _RADIUS, x2 - _RADIUS
    return f"M{x1:g} {y1:g}C{middle:g} {y1 + bend:g} {middle:g} {y2 + bend:g} {x2:g} {y2:g}"


def _bend(edge: PlacedEdge, places: dict[int, tuple[float, float]]) -> int:
    """An edge within a row that skips columns goes over the nodes between."""
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    return -_ARC if y1 == y2 and x2 - x1 > _COLUMN else 0


def _nodes(layout: GraphLayout, places: dict[int, tuple[float, float]]) -> Iterator[str]:
    for node in layout.nodes:
        x, y = places[node.step]
        check = node.check.value if node.check else CheckOutcome.UNCHECKED.value
        kind = f"{check} unused" if node.is_unused else check
        name = "Q" if node.check is None else str(node.step + 1)
        yield f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="{_RADIUS}"/>'
        yield f'<text x="{x:g}" y="{y + 4:g}">{name}</text>'
