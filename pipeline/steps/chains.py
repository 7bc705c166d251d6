"""Chains of relations: what a text claims, as far as it was read."""

from __future__ import annotations

from typing import NamedTuple

from tracewright.pipeline.steps.trees import Literal, Name, Operation, Tree, iterate_nodes
from tracewright.pipeline.steps.values import Number
from tracewright.schemas import CheckOutcome


class Comparison(NamedTuple):
    """The outcome, both values where they could be worked out, and why nothing was said where that is so."""

    outcome: CheckOutcome
    left: Number | None = None
    right: Number | None = None
    note: str = ""


class Side(NamedTuple):
    """One side of a claim."""

    start: int
    end: int
    trees: tuple[Tree, ...]
    """The readings of the expression; the first is the usual one."""
    is_clean: bool
    """Whether the expression is all that stands there."""
    names: frozenset[str]
    decimals: int | None
    """Of a side that is one number: how many are shown, −1 for an integer. None for an expression."""
    is_quantity: bool
    """Whether it is one number, a mixed one or a proper fraction: named rather than computed."""
    has_unit: bool
    """Whether words, a percent sign or a currency stand beside one of its numbers."""
    has_lead_in: bool
    """Whether words stand right before it: `day 3 = …` is about a day."""
    marks: frozenset[str]
    """The operators in it that give it several values: percent signs, units, `±`."""
    value: Number | None = None
    """What a side of plain arithmetic comes to, if that is known from reading it."""


class Chain(NamedTuple):
    """`a = b = c`, or `= b = c` continuing what stood before; a side that can't be read is None."""

    sides: tuple[Side | None, ...]
    relations: tuple[str, ...]
    start: int
    end: int
    modulus: int | None
    """Of a chain of congruences."""
    follows: str
    """What stands before a chain that begins with its relation: `;` or a new line; empty for other chains."""
    comparisons: tuple[Comparison | None, ...] = ()
    """Of neighbours without names, one for each relation: they are the same wherever the chain stands."""


def make_side(
    start: int,
    end: int,
    trees: tuple[Tree, ...],
    *,
    is_clean: bool = True,
    has_unit: bool = False,
    has_lead_in: bool = False,
) -> Side:
    """The side with these readings."""
    tree = trees[0]
    decimals = _shown_decimals(tree)
    is_quantity = decimals is not None or _is_fraction(tree)
    names, marks = _find_names_and_marks(tree)
    return Side(start, end, trees, is_clean, names, decimals, is_quantity, has_unit, has_lead_in, marks)


def make_plain_side(
    start: int, end: int, tree: Tree, value: Number | None, *, has_unit: bool = False, has_lead_in: bool = False
) -> Side:
    """The side with one reading that has numbers, signs and brackets alone."""
    decimals = tree.decimals if isinstance(tree, Literal) else _shown_decimals(tree)
    is_quantity = decimals is not None or _is_fraction(tree)
    return Side(start, end, (tree,), True, _NOTHING, decimals, is_quantity, has_unit, has_lead_in, _NOTHING, value)


_NOTHING: frozenset[str] = frozenset()


def _find_names_and_marks(tree: Tree) -> tuple[frozenset[str], frozenset[str]]:
    if isinstance(tree, Literal):
        return _NOTHING, _NOTHING
    names: set[str] = set()
    marks: set[str] = set()
    for node in iterate_nodes(tree):
        if isinstance(node, Name):
            names.add(node.text)
        elif isinstance(node, Operation) and (node.operator in ("percent", "±") or node.operator.startswith("unit:")):
            marks.add(node.operator)
    return frozenset(names), frozenset(marks)


def _is_fraction(tree: Tree) -> bool:
    """`1/2`, `1 3/4` or either with a unit."""
    while isinstance(tree, Operation) and tree.operator.startswith("unit:"):
        tree = tree.arguments[0]
    if not isinstance(tree, Operation) or tree.operator not in ("/", "+"):
        return False
    left, right = tree.arguments
    if tree.operator == "+":
        return isinstance(left, Literal) and _is_fraction(right)
    return isinstance(left, Literal) and isinstance(right, Literal) and abs(left.value) < abs(right.value)


def _shown_decimals(tree: Tree) -> int | None:
    while isinstance(tree, Operation) and (tree.operator in ("negate", "percent") or tree.operator.startswith("unit:")):
        tree = tree.arguments[0]
    return tree.decimals if isinstance(tree, Literal) else None
