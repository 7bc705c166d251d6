"""Of what shape an answer is: one value, several, a set of numbers, a matrix."""

from __future__ import annotations

from tracewright.pipeline.verify.comparison.normal_text import same_words
from tracewright.pipeline.verify.grammar.nodes import Apply, Group, Listing, Matrix, Node, Relation, Symbol, Words

Rows = tuple[tuple[Node, ...], ...]
_INFINITIES = (Symbol("∞"), Apply("neg", (Symbol("∞"),)))


def is_structure(node: Node) -> bool:
    """Whether it is something else than one value or words."""
    long_ratio = isinstance(node, Apply) and node.name == "ratio" and len(node.arguments) > 2
    is_residue = isinstance(node, Apply) and node.name == "residue"
    return isinstance(node, Group | Listing | Relation | Matrix) or long_ratio or is_residue or is_number_set(node)


def is_number_set(node: Node) -> bool:
    """Whether it can only be read as a set of real numbers: an interval that is no pair, a union, an inequality."""
    match node:
        case Relation() | Symbol("ℝ" | "∅") | Apply("∪" | "∩" | "∖"):
            return True
        case Listing(items):
            return all(isinstance(item, Relation) for item in items)
        case Group("(" | "[" as left, right, (low, high)):
            return (left, right) != ("(", ")") or low in _INFINITIES or high in _INFINITIES
        case Words(text):
            return same_words(text, "no solution") or "real number" in text.casefold()
        case _:
            return False


def is_set(node: Node) -> bool:
    """Whether it is a set with its members between braces."""
    return isinstance(node, Group) and node.left == "{"


def union_parts(node: Node) -> list[Node]:
    """The sets that are united, one by one."""
    if isinstance(node, Apply) and node.name == "∪":
        return [part for argument in node.arguments for part in union_parts(argument)]
    return [node]


def rows_of(node: Node) -> Rows | None:
    """The rows of a matrix; a tuple is one row."""
    match node:
        case Matrix(rows):
            return rows
        case Group("(" | "[", _, items):
            return (items,)
        case _:
            return None


def as_row(rows: Rows) -> Rows:
    """A column as a row; other matrices stay."""
    return (tuple(row[0] for row in rows),) if all(len(row) == 1 for row in rows) else rows
