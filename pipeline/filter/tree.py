"""A filter as a tree of frozen nodes: every tree is valid, prints as text that parses to it, and compiles to polars.

Conditions are true or false, never unknown: a missing value equals nothing and has no place in any order, so every
comparison with it is false, and `!=`, `not in` and `not` say the opposite of what they negate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from tracewright.pipeline.filter.columns import Column, ColumnKind
from tracewright.pipeline.filter.literals import (
    Value,
    check_order,
    check_value,
    find_column,
    is_int64,
    print_value,
    read_time,
)
from tracewright.schemas.errors import InputError

MAX_VALUES = 1_000
"""In one list."""


class Operator(StrEnum):
    """How a column is compared with a value."""

    EQUAL = "=="
    UNEQUAL = "!="
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="


class Filter(ABC):
    """A condition on a trace."""

    @abstractmethod
    def to_polars(self) -> pl.Expr:
        """The condition as an expression over the frame: true or false for every row, never null."""

    @abstractmethod
    def __str__(self) -> str:
        """The condition in the filter language; `parse_filter` gives this tree back."""


@dataclass(frozen=True)
class And(Filter):
    """All of its parts hold; at least two."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts(self.parts)

    def to_polars(self) -> pl.Expr:
        return pl.all_horizontal([part.to_polars() for part in self.parts])

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Or(Filter):
    """At least one of its parts holds; at least two."""

    parts: tuple[Filter, ...]

    def __post_init__(self) -> None:
        _check_parts(self.parts)

    def to_polars(self) -> pl.Expr:
        return pl.any_horizontal([part.to_polars() for part in self.parts])

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Not(Filter):
    """Its part does not hold."""

    part: Filter

    def to_polars(self) -> pl.Expr:
        return ~self.part.to_polars()

    def __str__(self) -> str:
        part = self.part
        if isinstance(part, OneOf | Between | IsNull):
            return part.print_negated()
        return f"not ({part})" if isinstance(part, And | Or) else f"not {part}"


@dataclass(frozen=True)
class Comparison(Filter):
    """A column against one value."""

    column: str
    operator: Operator
    value: Value

    def __post_init__(self) -> None:
        column = find_column(self.column)
        if self.operator not in (Operator.EQUAL, Operator.UNEQUAL):
            check_order(column)
        check_value(column, self.value)

    def to_polars(self) -> pl.Expr:
        column, value = pl.col(self.column), _literal(find_column(self.column), self.value)
        if self.operator is Operator.UNEQUAL:
            return ~_known(column == value)
        compare = {
            Operator.EQUAL: column.eq,
            Operator.ABOVE: column.gt,
            Operator.AT_LEAST: column.ge,
            Operator.BELOW: column.lt,
            Operator.AT_MOST: column.le,
        }
        return _known(compare[self.operator](value))

    def __str__(self) -> str:
        return f"{self.column} {self.operator} {print_value(self.value)}"


@dataclass(frozen=True)
class OneOf(Filter):
    """A column is one of some values."""

    column: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        column = find_column(self.column)
        if not 1 <= len(self.values) <= MAX_VALUES:
            raise InputError(f"a list in a filter has 1 to {MAX_VALUES:,} values, not {len(self.values):,}")
        for value in self.values:
            check_value(column, value)

    def to_polars(self) -> pl.Expr:
        return _known(pl.col(self.column).is_in(_literals(find_column(self.column), self.values)))

    def __str__(self) -> str:
        return f"{self.column} in {self._print_values()}"

    def print_negated(self) -> str:
        """The opposite, in the language's own form."""
        return f"{self.column} not in {self._print_values()}"

    def _print_values(self) -> str:
        return f"[{', '.join(map(print_value, self.values))}]"


@dataclass(frozen=True)
class Between(Filter):
    """A column lies between two values, both included."""

    column: str
    low: Value
    high: Value

    def __post_init__(self) -> None:
        column = find_column(self.column)
        check_order(column)
        check_value(column, self.low)
        check_value(column, self.high)

    def to_polars(self) -> pl.Expr:
        column = find_column(self.column)
        low, high = _literal(column, self.low), _literal(column, self.high)
        return _known(pl.col(self.column).is_between(low, high))

    def __str__(self) -> str:
        return f"{self.column} between {print_value(self.low)} and {print_value(self.high)}"

    def print_negated(self) -> str:
        """The opposite, in the language's own form."""
        return f"{self.column} not between {print_value(self.low)} and {print_value(self.high)}"


@dataclass(frozen=True)
class IsNull(Filter):
    """A column has no value."""

    column: str

    def __post_init__(self) -> None:
        find_column(self.column)

    def to_polars(self) -> pl.Expr:
        return pl.col(self.column).is_null()

    def __str__(self) -> str:
        return f"{self.column} is null"

    def print_negated(self) -> str:
        """The opposite, in the language's own form."""
        return f"{self.column} is not null"


@dataclass(frozen=True)
class IsTrue(Filter):
    """A column of true or false is true."""

    column: str

    def __post_init__(self) -> None:
        column = find_column(self.column)
        if column.kind is not ColumnKind.BOOLEAN:
            raise InputError(f"`{column.name}` is {column.kind}, not true or false: compare it with a value")

    def to_polars(self) -> pl.Expr:
        return _known(pl.col(self.column))

    def __str__(self) -> str:
        return self.column


def _check_parts(parts: tuple[Filter, ...]) -> None:
    if len(parts) < 2:
        raise InputError(f"`and` and `or` join at least two conditions, not {len(parts)}: use the condition itself")


def _known(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False)


def _literal(column: Column, value: Value) -> Any:
    return pl.lit(read_time(str(value))) if column.kind is ColumnKind.TIME else pl.lit(value)


def _literals(column: Column, values: tuple[Value, ...]) -> pl.Series:
    if column.kind is ColumnKind.TIME:
        return pl.Series([read_time(str(value)) for value in values], dtype=column.dtype)
    if column.kind is ColumnKind.INTEGER:
        # A number with decimals, or beyond 64 bits, equals no integer of the frame.
        whole = (int(value) for value in values if value == int(value))
        return pl.Series([value for value in whole if is_int64(value)], dtype=column.dtype)
    # Categories are compared with texts, known ones or not.
    return pl.Series(list(values), dtype=pl.String() if column.kind is ColumnKind.TEXT else column.dtype)
