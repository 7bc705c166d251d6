"""Places for a drawing of the step graph: a column for each distance from the question, steps in order within one."""

from __future__ import annotations

from dataclasses import dataclass

from tracewright.pipeline.steps.graph import StepGraph
from tracewright.pipeline.steps.memory import QUESTION
from tracewright.schemas import CheckOutcome


@dataclass(frozen=True)
class PlacedNode:
    """A step, or the question (`step` −1, without a check), at its place on the grid."""

    step: int
    column: int
    row: int
    check: CheckOutcome | None
    is_unused: bool = False
    restates: int | None = None
    corrected_by: int | None = None
    is_on_longest_chain: bool = False


@dataclass(frozen=True)
class PlacedEdge:
    """From an earlier step or the question to a later step."""

    source: int
    target: int
    is_on_longest_chain: bool


@dataclass(frozen=True)
class GraphLayout:
    """Nodes on a grid of `columns` by `rows`, the question first; every edge goes to a column further right."""

    nodes: tuple[PlacedNode, ...]
    edges: tuple[PlacedEdge, ...]
    columns: int
    rows: int


def lay_out(graph: StepGraph) -> GraphLayout:
    """The places of the graph's nodes: the question in column 0, a step one column behind the last that it rests on.

    Deterministic; an edge may cross another or pass behind a node.
    """
    columns = _find_columns(graph)
    restated, chain = dict(graph.restated), set(graph.longest_chain)
    heights: dict[int, int] = {0: 1}
    nodes = [PlacedNode(QUESTION, 0, 0, None)]
    for step, check in enumerate(graph.checks):
        column = columns[step]
        row = heights.get(column, 0)
        heights[column] = row + 1
        nodes.append(
            PlacedNode(
                step,
                column,
                row,
                check,
                is_unused=step in graph.unused,
                restates=restated.get(step),
                corrected_by=graph.corrected_by[step],
                is_on_longest_chain=step in chain,
            )
        )
    links = set(zip(graph.longest_chain, graph.longest_chain[1:], strict=False))
    edges = tuple(PlacedEdge(source, target, (source, target) in links) for source, target in graph.edges)
    return GraphLayout(tuple(nodes), edges, columns=max(heights) + 1, rows=max(heights.values()))


def _find_columns(graph: StepGraph) -> list[int]:
    columns = [1] * len(graph.checks)
    for source, target in sorted(graph.edges, key=lambda edge: edge[1]):
        if source >= 0:
            columns[target] = max(columns[target], columns[source] + 1)
    return columns
