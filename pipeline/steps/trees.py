"""Expression trees: numbers, names and operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tracewright.pipeline.steps.values import Number

POINT = "point"
"""The operator of numbers in brackets with commas between them: it has no value, but parts."""


class Literal(NamedTuple):
    """A number as it is written; `decimals` is −1 for an integer."""

    value: Number
    decimals: int


class Name(NamedTuple):
    """A variable, with its subscript: `x`, `a_1`."""

    text: str


class Operation(NamedTuple):
    """`+ − * / ^` of two trees, or a function (`negate`, `percent`, `!`, `sqrt`, `abs`, …) of its arguments."""

    operator: str
    arguments: tuple[Tree, ...]


Tree = Literal | Name | Operation


def iterate_nodes(tree: Tree) -> Iterator[Tree]:
    """The tree and all trees within it, parents first."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Operation):
            stack.extend(node.arguments)


def find_numbers(tree: Tree) -> list[Number]:
    """The numbers in the tree."""
    numbers: list[Number] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Literal):
            numbers.append(node.value)
        elif isinstance(node, Operation):
            stack.extend(node.arguments)
    return numbers


def find_names(tree: Tree) -> frozenset[str]:
    """The names in the tree."""
    return frozenset(node.text for node in iterate_nodes(tree) if isinstance(node, Name))
