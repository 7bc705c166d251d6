"""Sets of real numbers as pieces of the number line: unions, intersections, complements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key

from tracewright.pipeline.verify.evaluation.values import Truth, same_value
from tracewright.pipeline.verify.failures import UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Node, Symbol


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

LOWEST = Bound(Symbol("∞"), Fraction(0), -1)
HIGHEST = Bound(Symbol("∞"), Fraction(0), 1)
ALL_REALS: RealSet = (Piece(LOWEST, HIGHEST, False, False),)


def same_set(a: RealSet, b: RealSet) -> bool:
    """Whether two sets have the same pieces."""
    return len(a) == len(b) and all(_same_piece(x, y) for x, y in zip(a, b, strict=True))


def _same_piece(a: Piece, b: Piece) -> bool:
    closed = (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed)
    return closed and compare_bounds(a.low, b.low) == 0 and compare_bounds(a.high, b.high) == 0


def compare_bounds(a: Bound, b: Bound) -> int:
    """Minus one, zero or one as `a` is less than, equal to or greater than `b`."""
    if a.infinite or b.infinite:
        return (a.infinite > b.infinite) - (a.infinite < b.infinite)
    if a.order == b.order or same_value(a.node, b.node, frozenset()).truth is Truth.SAME:
        return 0
    return 1 if a.order > b.order else -1


def interval(low: Bound, high: Bound, low_closed: bool, high_closed: bool) -> RealSet:
    """The interval between two ends.

    Raises:
        UndecidedError: it ends before it begins.
    """
    order = compare_bounds(low, high)
    if order > 0 or (order == 0 and not (low_closed and high_closed)):
        raise UndecidedError("an interval that ends before it begins")
    return (Piece(low, high, low_closed and not low.infinite, high_closed and not high.infinite),)


def unite(pieces: Iterable[Piece]) -> RealSet:
    """All numbers of all pieces."""
    ordered = sorted(pieces, key=cmp_to_key(lambda a, b: compare_bounds(a.low, b.low) or b.low_closed - a.low_closed))
    united: list[Piece] = []
    for piece in ordered:
        if united and _touches(united[-1], piece):
            united[-1] = _join(united[-1], piece)
        else:
            united.append(piece)
    return tuple(united)


def _touches(a: Piece, b: Piece) -> bool:
    order = compare_bounds(a.high, b.low)
    return order > 0 or (order == 0 and (a.high_closed or b.low_closed))


def _join(a: Piece, b: Piece) -> Piece:
    order = compare_bounds(a.high, b.high)
    if order > 0:
        return a
    return Piece(a.low, b.high, a.low_closed, b.high_closed or (order == 0 and a.high_closed))


def complement(pieces: RealSet) -> RealSet:
    """All other real numbers."""
    gaps: list[Piece] = []
    low, closed = LOWEST, False
    for piece in pieces:
        order = compare_bounds(low, piece.low)
        if order < 0 or (order == 0 and closed and not piece.low_closed):
            gaps.append(Piece(low, piece.low, closed, not piece.low_closed and not piece.low.infinite))
        low, closed = piece.high, not piece.high_closed and not piece.high.infinite
    if compare_bounds(low, HIGHEST) < 0:
        gaps.append(Piece(low, HIGHEST, closed, False))
    return tuple(gaps)


def intersect(a: RealSet, b: RealSet) -> RealSet:
    """The numbers that both sets hold."""
    return complement(unite([*complement(a), *complement(b)]))
