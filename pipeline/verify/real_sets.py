"""Sets of real numbers: intervals, unions of them, single points, and the inequalities that describe them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key

from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.names import name_of
from tracewright.pipeline.verify.nodes import Apply, Call, Group, Listing, Node, Relation, Symbol, Words, free_symbols
from tracewright.pipeline.verify.numeric import NumericEvaluator
from tracewright.pipeline.verify.values import Truth, exact_value, same_value

_DIGITS = 60
EMPTY_WORDS = frozenset({"no solution", "no solutions", "no real solution", "no real solutions", "empty set"})
ALL_WORDS = frozenset({"all real numbers", "all reals", "real numbers", "any real number", "every real number"})
_FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "=": "=", "≠": "≠"}
_NEGATED = {"<": "≥", "≥": "<", ">": "≤", "≤": ">", "=": "≠", "≠": "="}


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of an interval: a number, or an infinity with `infinite` −1 or 1. `order` is its numeric value."""

    node: Node
    order: Fraction
    infinite: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval; a single point has equal ends that are both closed."""

    low: Bound
    high: Bound
    low_closed: bool
    high_closed: bool


RealSet = tuple[Piece, ...]
"""Pieces that neither overlap nor touch, in order."""

_LOWEST = Bound(Symbol("∞"), Fraction(0), -1)
_HIGHEST = Bound(Symbol("∞"), Fraction(0), 1)
_ALL: RealSet = (Piece(_LOWEST, _HIGHEST, False, False),)


def real_set(node: Node) -> RealSet | None:
    """The set that a node describes; None where it describes none or its ends are no known numbers."""
    try:
        return _read(node)
    except (UndecidedError, LimitError):
        return None


def same_set(a: RealSet, b: RealSet) -> bool:
    """Whether two sets have the same pieces."""
    return len(a) == len(b) and all(_same_piece(x, y) for x, y in zip(a, b, strict=True))


def _same_piece(a: Piece, b: Piece) -> bool:
    closed = (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed)
    return closed and _compare(a.low, b.low) == 0 and _compare(a.high, b.high) == 0


def _read(node: Node) -> RealSet:
    match node:
        case Symbol("ℝ"):
            return _ALL
        case Symbol("∅"):
            return ()
        case Words(text) if text.casefold() in EMPTY_WORDS:
            return ()
        case Words(text) if text.casefold() in ALL_WORDS:
            return _ALL
        case Group("{", _, items):
            return _unite(_point(item) for item in items)
        case Group(left, right, (low, high)):
            return _interval(_bound(low), _bound(high), left == "[", right == "]")
        case Apply("∪", parts):
            return _unite(piece for part in parts for piece in _read_part(part))
        case Apply("∩", (a, b)):
            return _intersect(_read(a), _read(b))
        case Apply("∖", (a, b)):
            return _intersect(_read(a), _complement(_read(b)))
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
            return _HIGHEST
        case Apply("neg", (Symbol("∞"),)):
            return _LOWEST
        case Apply("+", (Symbol("∞"),)):
            return _HIGHEST
        case _:
            return Bound(node, _number(node))


def _number(node: Node) -> Fraction:
    exact = exact_value(node)
    if exact is not None:
        return exact
    evaluator = NumericEvaluator(_DIGITS, {}, frozenset())
    value = evaluator.value(node)
    if evaluator.context.im(value):
        raise UndecidedError("an end that is no real number")
    mantissa, exponent = evaluator.context.re(value).man_exp
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _compare(a: Bound, b: Bound) -> int:
    """Minus one, zero or one as `a` is less than, equal to or greater than `b`."""
    if a.infinite or b.infinite:
        return (a.infinite > b.infinite) - (a.infinite < b.infinite)
    if a.order == b.order or same_value(a.node, b.node, frozenset()).truth is Truth.SAME:
        return 0
    return 1 if a.order > b.order else -1


def _interval(low: Bound, high: Bound, low_closed: bool, high_closed: bool) -> RealSet:
    order = _compare(low, high)
    if order > 0 or (order == 0 and not (low_closed and high_closed)):
        raise UndecidedError("an interval that ends before it begins")
    return (Piece(low, high, low_closed and not low.infinite, high_closed and not high.infinite),)


def _unite(pieces: Iterable[Piece]) -> RealSet:
    ordered = sorted(pieces, key=cmp_to_key(lambda a, b: _compare(a.low, b.low) or b.low_closed - a.low_closed))
    united: list[Piece] = []
    for piece in ordered:
        if united and _touches(united[-1], piece):
            united[-1] = _join(united[-1], piece)
        else:
            united.append(piece)
    return tuple(united)


def _touches(a: Piece, b: Piece) -> bool:
    order = _compare(a.high, b.low)
    return order > 0 or (order == 0 and (a.high_closed or b.low_closed))


def _join(a: Piece, b: Piece) -> Piece:
    order = _compare(a.high, b.high)
    if order > 0:
        return a
    return Piece(a.low, b.high, a.low_closed, b.high_closed or (order == 0 and a.high_closed))


def _complement(pieces: RealSet) -> RealSet:
    gaps: list[Piece] = []
    low, closed = _LOWEST, False
    for piece in pieces:
        if _compare(low, piece.low) < 0 or (_compare(low, piece.low) == 0 and closed and not piece.low_closed):
            gaps.append(Piece(low, piece.low, closed, not piece.low_closed and not piece.low.infinite))
        low, closed = piece.high, not piece.high_closed and not piece.high.infinite
    if _compare(low, _HIGHEST) < 0:
        gaps.append(Piece(low, _HIGHEST, closed, False))
    return tuple(gaps)


def _intersect(a: RealSet, b: RealSet) -> RealSet:
    return _complement(_unite([*_complement(a), *_complement(b)]))


def _from_conditions(node: Listing) -> RealSet:
    """Conditions with `or` are united; others hold together, unless nothing fulfils them all."""
    names = {condition_name(item) for item in node.items}
    if len(names) != 1 or None in names:
        raise UndecidedError("conditions on several names")
    sets = [_read(item) for item in node.items]
    common = sets[0]
    for other in sets[1:]:
        common = _intersect(common, other)
    return _unite(piece for part in sets for piece in part) if node.alternative or not common else common


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
    result = _ALL
    for index, operator in enumerate(node.operators):
        if index not in (place - 1, place):
            raise UndecidedError("a chain with more than two bounds")
        other = node.operands[index if index < place else index + 1]
        sign = operator if index == place else _FLIPPED.get(operator)
        result = _intersect(result, _half_line(sign, other))
    return result


def _is_name(node: Node) -> bool:
    return isinstance(node, Symbol | Call) and node not in (Symbol("e"), Symbol("i"))


def _half_line(sign: str | None, node: Node) -> RealSet:
    bound = _bound(node)
    if bound.infinite and sign in ("<", "≤", ">", "≥"):
        return _ALL
    table: dict[str, Callable[[], RealSet]] = {
        "<": lambda: (Piece(_LOWEST, bound, False, False),),
        "≤": lambda: (Piece(_LOWEST, bound, False, True),),
        ">": lambda: (Piece(bound, _HIGHEST, False, False),),
        "≥": lambda: (Piece(bound, _HIGHEST, True, False),),
        "=": lambda: (Piece(bound, bound, True, True),),
        "≠": lambda: _complement((Piece(bound, bound, True, True),)),
    }
    if sign not in table:
        raise UndecidedError("no comparison")
    return table[sign]()
