"""What a click on a facet makes of a filter: what is about the facet's column changes, the rest stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tracewright.pipeline.filter import (
    COLUMNS,
    And,
    Between,
    ColumnKind,
    Comparison,
    Filter,
    IsNull,
    IsTrue,
    Not,
    OneOf,
    Operator,
)
from tracewright.pipeline.filter.literals import Value


@dataclass(frozen=True)
class Narrowing:
    """A filter as conditions that must all hold."""

    parts: tuple[Filter, ...]

    @classmethod
    def of(cls, tree: Filter | None) -> Narrowing:
        """The conditions of a filter."""
        if tree is None:
            return cls(())
        return cls(tree.parts if isinstance(tree, And) else (tree,))

    @property
    def tree(self) -> Filter | None:
        """The filter; None where there is no condition."""
        if not self.parts:
            return None
        return self.parts[0] if len(self.parts) == 1 else And(self.parts)

    @property
    def text(self) -> str:
        """The filter as it is written; empty where there is no condition."""
        return "" if self.tree is None else str(self.tree)

    def about(self, column: str) -> tuple[Filter, ...]:
        """The conditions that a facet of the column stands for."""
        return tuple(part for part in self.parts if _column_of(part) == column)

    def without(self, column: str) -> Narrowing:
        """Without the conditions that a facet of the column stands for."""
        return Narrowing(tuple(part for part in self.parts if _column_of(part) != column))

    def chosen(self, column: str) -> tuple[Value | None, ...]:
        """The values that are let through; None among them is the missing value; empty where all are."""
        for part in self.about(column):
            if isinstance(part, OneOf):
                return part.values
            if isinstance(part, Comparison) and part.operator is Operator.EQUAL:
                return (part.value,)
            if isinstance(part, IsNull):
                return (None,)
            if isinstance(part, IsTrue):
                return (True,)
            if isinstance(part, Not) and isinstance(part.part, IsTrue):
                return (False,)
        return ()

    def bounds(self, column: str) -> tuple[Value | None, Value | None]:
        """The lowest and the highest value that is let through, as the filter says them; None where it says none."""
        low: Value | None = None
        high: Value | None = None
        for part in self.about(column):
            if isinstance(part, Between):
                low, high = part.low, part.high
            elif isinstance(part, Comparison) and part.operator is Operator.EQUAL:
                low = high = part.value
            elif isinstance(part, Comparison) and part.operator in (Operator.ABOVE, Operator.AT_LEAST):
                low = part.value
            elif isinstance(part, Comparison):
                high = part.value
        return low, high

    def toggle(self, column: str, value: Value | None) -> Narrowing:
        """With a value of a category let through, or no longer."""
        now = [one for one in self.chosen(column) if one is not None]
        if value is None:
            wanted: list[Filter] = [] if None in self.chosen(column) else [IsNull(column)]
            return self._with(column, wanted)
        values = [one for one in now if one != value] if value in now else [*now, value]
        if COLUMNS[column].kind is ColumnKind.BOOLEAN:
            values = [] if value in now else [value]
        return self._with(column, _equal_any(column, values))

    def limit(self, column: str, low: float | None, high: float | None, *, inclusive: bool = False) -> Narrowing:
        """With a number between bounds: `low` itself is in, `high` only where `inclusive`; None is no bound."""
        kind = COLUMNS[column].kind
        if kind is ColumnKind.INTEGER and low is not None and high is not None:
            last = int(high) if inclusive else int(high) - 1
            if last <= int(low):
                return self._with(column, [Comparison(column, Operator.EQUAL, int(low))])
            return self._with(column, [Between(column, int(low), last)])
        parts: list[Filter] = []
        if low is not None:
            parts.append(Comparison(column, Operator.AT_LEAST, _to_value(low, kind)))
        if high is not None:
            below = Operator.AT_MOST if inclusive else Operator.BELOW
            parts.append(Comparison(column, below, _to_value(high, kind)))
        return self._with(column, parts)

    def _with(self, column: str, parts: Sequence[Filter]) -> Narrowing:
        kept, placed = list[Filter](), False
        for part in self.parts:
            if _column_of(part) != column:
                kept.append(part)
            elif not placed:
                kept.extend(parts)
                placed = True
        return Narrowing(tuple(kept if placed else [*kept, *parts]))


def is_within(parts: Sequence[Filter], low: float, high: float) -> bool:
    """Whether the middle of a bar is let through by conditions on its column."""
    middle = (low + high) / 2
    return all(_lets_through(part, middle, low, high) for part in parts)


def _column_of(part: Filter) -> str | None:
    """The column that a facet could have made this condition for."""
    if isinstance(part, Comparison):
        return None if part.operator is Operator.UNEQUAL else part.column
    if isinstance(part, OneOf | Between | IsNull | IsTrue):
        return part.column
    if isinstance(part, Not) and isinstance(part.part, IsTrue):
        return part.part.column
    return None


def _equal_any(column: str, values: list[Value]) -> list[Filter]:
    if not values:
        return []
    if COLUMNS[column].kind is ColumnKind.BOOLEAN:
        return [IsTrue(column) if values[0] else Not(IsTrue(column))]
    return [Comparison(column, Operator.EQUAL, values[0]) if len(values) == 1 else OneOf(column, tuple(values))]


def _to_value(number: float, kind: ColumnKind) -> Value:
    if kind is ColumnKind.TIME:
        return datetime.fromtimestamp(round(number) / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind is ColumnKind.INTEGER:
        return int(number)
    return float(f"{number:.6g}")


def _lets_through(part: Filter, middle: float, low: float, high: float) -> bool:
    if isinstance(part, Between):
        return _number(part.low) < high and low <= _number(part.high)
    if not isinstance(part, Comparison):
        return not isinstance(part, IsNull)
    value = _number(part.value)
    if part.operator is Operator.EQUAL:
        return low <= value < high
    return middle >= value if part.operator in (Operator.ABOVE, Operator.AT_LEAST) else middle < value


def _number(value: Value) -> float:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1e6
        except ValueError:
            return float("nan")
    return float(value)
