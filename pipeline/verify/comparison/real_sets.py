"""Sets of real numbers: intervals, unions of them, single points, and the inequalities that describe them."""

from __future__ import annotations

from collections.abc import Callable

from tracewright.pipeline.verify.comparison.intervals import (
    ALL_REALS,
    HIGHEST,
    LOWEST,
    Bound,
    Piece,
    RealSet,
    complement,
    intersect,
    interval,
    unite,
)
from tracewright.pipeline.verify.comparison.names import name_of
from tracewright.pipeline.verify.evaluation.values import real_value
from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.grammar.nodes import (
    FLIPPED,
    Apply,
    Call,
    Group,
    Listing,
    Node,
    Relation,
    Symbol,
    Words,
    free_symbols,
)

EMPTY_WORDS = frozenset({"no solution", "no solutions", "no real solution", "no real solutions", "empty set"})
ALL_WORDS = frozenset({"all real numbers", "all reals", "real numbers", "any real number", "every real number"})


def real_set(node: Node) -> RealSet | None:
    """The set that a node describes; None where it describes none or its ends are no known numbers."""
    try:
        return _read(node)
    except (UndecidedError, LimitError):
        return None


def _read(node: Node) -> RealSet:
    match node:
        case Symbol("ℝ"):
            return ALL_REALS
        case Symbol("∅"):
            return ()
        case Words(text) if text.casefold() in EMPTY_WORDS:
            return ()
        case Words(text) if text.casefold() in ALL_WORDS:
            return ALL_REALS
        case Group("{", _, items):
            return unite(_point(item) for item in items)
        case Group(left, right, (low, high)):
            return interval(_bound(low), _bound(high), left == "[", right == "]")
        case Apply("∪", parts):
            return unite(piece for part in parts for piece in _read_part(part))
        case Apply("∩", (a, b)):
            return intersect(_read(a), _read(b))
        case Apply("∖", (a, b)):
            return intersect(_read(a), complement(_read(b)))
        case Relation():
            return _from_relation(node)
        case Listing():
            return _from_conditions(node)
        case _:
            raise UndecidedError("no set of real numbers")


def _read_part(node: Node) -> RealSet:
    """A part of a union; a value is the set of it, as braces around one value were taken for grouping."""
    return _read(node) if is_set_like(node) else (_point(node),)


def is_set_like(node: Node) -> bool:
    """Whether it can be read as a set and not as a number."""
    return isinstance(node, Group | Relation | Listing | Words) or (
        isinstance(node, Apply | Symbol) and node.name in ("∪", "∩", "∖", "ℝ", "∅")
    )


def _point(node: Node) -> Piece:
    bound = _bound(node)
    return Piece(bound, bound, True, True)


def _bound(node: Node) -> Bound:
    match node:
        case Symbol("∞"):
            return HIGHEST
        case Apply("neg", (Symbol("∞"),)):
            return LOWEST
        case Apply("+", (Symbol("∞"),)):
            return HIGHEST
        case _:
            return Bound(node, real_value(node))


def _from_conditions(node: Listing) -> RealSet:
    """Conditions with `or` are united; others hold together, unless nothing fulfils them all."""
    names = {condition_name(item) for item in node.items}
    if len(names) != 1 or None in names:
        raise UndecidedError("conditions on several names")
    sets = [_read(item) for item in node.items]
    common = sets[0]
    for other in sets[1:]:
        common = intersect(common, other)
    return unite(piece for part in sets for piece in part) if node.alternative or not common else common


def condition_name(node: Node) -> str | None:
    """The one name that a condition restricts, such as `x` in `1 < x ≤ 2`; None where there is not just one."""
    if not isinstance(node, Relation):
        return None
    names = [name_of(operand) for operand in node.operands if free_symbols(operand) or name_of(operand)]
    return names[0] if len(names) == 1 else None


def _from_relation(node: Relation) -> RealSet:
    place = next((index for index, operand in enumerate(node.operands) if name_of(operand) and _is_name(operand)), None)
    if place is None:
        raise UndecidedError("no condition on one name")
    if node.operators == ("∈",) and place == 0:
        return _read(node.operands[1])
    result = ALL_REALS
    for index, operator in enumerate(node.operators):
        if index not in (place - 1, place):
            raise UndecidedError("a chain with more than two bounds")
        other = node.operands[index if index < place else index + 1]
        sign = operator if index == place else FLIPPED.get(operator)
        result = intersect(result, _half_line(sign, other))
    return result


def _is_name(node: Node) -> bool:
    return isinstance(node, Symbol | Call) and node not in (Symbol("e"), Symbol("i"))


def _half_line(sign: str | None, node: Node) -> RealSet:
    bound = _bound(node)
    if bound.infinite and sign in ("<", "≤", ">", "≥"):
        return ALL_REALS
    table: dict[str, Callable[[], RealSet]] = {
        "<": lambda: (Piece(LOWEST, bound, False, False),),
        "≤": lambda: (Piece(LOWEST, bound, False, True),),
        ">": lambda: (Piece(bound, HIGHEST, False, False),),
        "≥": lambda: (Piece(bound, HIGHEST, True, False),),
        "=": lambda: (Piece(bound, bound, True, True),),
        "≠": lambda: complement((Piece(bound, bound, True, True),)),
    }
    if sign not in table:
        raise UndecidedError("no comparison")
    return table[sign]()
