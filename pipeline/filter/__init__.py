"""The filter language of the command line, the service and the pages."""

from tracewright.pipeline.filter.columns import COLUMNS, REVIEW_COLUMNS, TRACE_COLUMNS, Column, ColumnKind
from tracewright.pipeline.filter.parsing import parse_filter
from tracewright.pipeline.filter.tree import And, Between, Comparison, Filter, IsNull, IsTrue, Not, OneOf, Operator, Or

__all__ = [
    "COLUMNS",
    "REVIEW_COLUMNS",
    "TRACE_COLUMNS",
    "And",
    "Between",
    "Column",
    "ColumnKind",
    "Comparison",
    "Filter",
    "IsNull",
    "IsTrue",
    "Not",
    "OneOf",
    "Operator",
    "Or",
    "parse_filter",
]
