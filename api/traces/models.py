"""What the traces' endpoints answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, create_model

from tracewright.pipeline.filter import COLUMNS, ColumnKind

_TYPES: dict[ColumnKind, Any] = {
    ColumnKind.TEXT: str | None,
    ColumnKind.INTEGER: int | None,
    ColumnKind.NUMBER: float | None,
    ColumnKind.BOOLEAN: bool | None,
    ColumnKind.TIME: datetime | None,
}
_FIELDS: dict[str, Any] = {name: (_TYPES[column.kind], ...) for name, column in COLUMNS.items()}
TraceRow = create_model("TraceRow", __doc__="A trace's columns, as filters name them.", **_FIELDS)


class TracePage(BaseModel):
    """Some traces of a list."""

    items: list[TraceRow]  # pyright: ignore[reportInvalidTypeForm]
    total: int
    """How many traces match in all."""
    next: str | None
    """The cursor of the next page; null on the last one."""


class Bin(BaseModel):
    """A bar of a histogram: from `low` up to, not including, `high`; the outer bars hold what lies beyond."""

    low: float
    high: float
    count: int


class FacetValue(BaseModel):
    """How many traces have a value."""

    value: str
    count: int


class Facet(BaseModel):
    """The counts of one column."""

    column: str
    kind: str
    missing: int
    bins: list[Bin]
    values: list[FacetValue]
    others: int = 0
    """Traces with values too rare to be named."""


class FacetList(BaseModel):
    """Counts under a filter."""

    total: int
    facets: list[Facet]


class ColumnFacts(BaseModel):
    """A column that filters can name."""

    name: str
    kind: str
    meaning: str
    values: list[str]
    sortable: bool
    facet: bool


class ColumnList(BaseModel):
    """Every column."""

    items: list[ColumnFacts]


class TraceBody(BaseModel):
    """A whole trace: `trace` as tracewright stores it, `columns` as filters see it."""

    columns: TraceRow  # pyright: ignore[reportInvalidTypeForm]
    trace: dict[str, Any]
