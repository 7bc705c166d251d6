"""What an answer is after parsing: a tree of a few kinds of frozen nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A written number: its exact value, and with how many digits it was written."""

    value: Fraction
    decimals: int = 0
    """Digits after the decimal point."""
    significant_digits: int = 0


@dataclass(frozen=True, slots=True)
class Symbol:
    """A letter, a constant such as `π` or `∞`, or a named set such as `ℝ`."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation or a known function: `+ * / ^ neg sqrt sin ∪ det …`; `+` and `*` take any number of arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A letter before parentheses or with a subscript: an unknown function of its arguments, or else a product.

    A subscripted letter has a name that ends in `_` and is never a product.
    """

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Items between brackets: a tuple, a list, an interval or a set, by `left` and `right`."""

    left: str
    right: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Items without brackets; `alternative` where `or` stands between them."""

    items: tuple[Node, ...]
    alternative: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain such as `1 < x ≤ 2`: one more operand than operators. Operators are of `= ≠ < ≤ > ≥ ≈ ∈`."""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of equal length."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with the words of its unit, such as `km / h`, or of what is counted, such as `apples`."""

    value: Node
    unit: str


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words: `even`, `no solution`."""

    text: str


Node = Number | Symbol | Apply | Call | Group | Listing | Relation | Matrix | Quantity | Words

FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "=": "=", "≠": "≠"}
"""What a relation's sign becomes when its sides change places."""
CONSTANTS = frozenset({"π", "e", "i", "∞", "ℝ", "ℤ", "ℕ", "ℚ", "ℂ", "∅"})


_CHILDREN: dict[type, Callable[[Any], tuple[Node, ...]]] = {
    Apply: lambda node: node.arguments,
    Call: lambda node: node.arguments,
    Group: lambda node: node.items,
    Listing: lambda node: node.items,
    Relation: lambda node: node.operands,
    Matrix: lambda node: tuple(entry for row in node.rows for entry in row),
    Quantity: lambda node: (node.value,),
}


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below a node."""
    read = _CHILDREN.get(type(node))
    return () if read is None else read(node)


def map_children(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with every node directly below it changed."""
    match node:
        case Apply(name, arguments):
            return Apply(name, tuple(map(change, arguments)))
        case Call(name, arguments):
            return Call(name, tuple(map(change, arguments)))
        case Group(left, right, items):
            return Group(left, right, tuple(map(change, items)))
        case Listing(items, alternative):
            return Listing(tuple(map(change, items)), alternative)
        case Relation(operators, operands):
            return Relation(operators, tuple(map(change, operands)))
        case Matrix(rows):
            return Matrix(tuple(tuple(map(change, row)) for row in rows))
        case Quantity(value, unit):
            return Quantity(change(value), unit)
        case _:
            return node


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))


def free_symbols(node: Node) -> frozenset[str]:
    """The names of the variables in it, without constants."""
    names = {part.name for part in walk(node) if isinstance(part, Symbol)}
    return frozenset(names - CONSTANTS)
