"""The constant of integration, which one answer may call `C` and the other one `c`."""

from __future__ import annotations

from tracewright.pipeline.verify.grammar.nodes import Apply, Node, Relation, Symbol, map_children, walk


def with_one_constant(gold: Node, given: Node) -> tuple[Node, Node]:
    """The nodes with a constant of integration called C in both, where one writes `+ C` and the other one `+ c`."""
    constants = _constant_of(gold), _constant_of(given)
    return (_rename(gold, "c"), _rename(given, "c")) if set(constants) == {"c", "C"} else (gold, given)


def _constant_of(node: Node) -> str | None:
    """`C` or `c` where it is a term of the value and stands nowhere else."""
    value = node.operands[-1] if isinstance(node, Relation) else node
    terms = value.arguments if isinstance(value, Apply) and value.name == "+" else ()
    found = [part.name for part in walk(node) if isinstance(part, Symbol) and part.name in ("c", "C")]
    return found[0] if len(found) == 1 and Symbol(found[0]) in terms else None


def _rename(node: Node, name: str) -> Node:
    return Symbol("C") if node == Symbol(name) else map_children(node, lambda part: _rename(part, name))
