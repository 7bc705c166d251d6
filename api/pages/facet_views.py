"""The facets beside the list: values with counts, histograms with bars, each a link to a narrower or wider filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from tracewright.api.pages.narrowing import Narrowing, is_within
from tracewright.api.pages.wording import format_number
from tracewright.api.services import Services
from tracewright.api.traces.facets import FACET_COLUMNS
from tracewright.api.traces.frame import Frame
from tracewright.api.traces.service import choose
from tracewright.pipeline.filter import COLUMNS, ColumnKind, Filter

MAX_VALUES = 8
"""Values of a facet that are shown at once; those that are chosen come beside them."""
PLOT_WIDTH, PLOT_HEIGHT = 216.0, 44.0
"""Of a histogram, in pixels."""
_GAP = 1.5
_LEAST_BAR = 1.5
"""So that few among many are seen."""
_MICROSECONDS = 1_000_000

MAIN_FACETS = (
    "outcome",
    "decision",
    "confidence",
    "min_step_confidence",
    "failed_steps",
    "step_count",
    "tokens",
    "level",
    "domain",
    "source",
    "model",
    "review_count",
)
MORE_FACETS = tuple(name for name in FACET_COLUMNS if name not in MAIN_FACETS)
TITLES = {
    "confidence": "Confidence",
    "min_step_confidence": "Least confident step",
    "step_count": "Steps",
    "model": "Teacher",
    "review_count": "Reviews",
    "created_at": "Finished",
    "license": "Licence",
}


@dataclass(frozen=True)
class Query:
    """What a list is asked for, as its address says it."""

    where: str = ""
    search: str = ""
    sort: str = ""
    facets: str = ""

    def url(self, path: str = "/explore", **other: str) -> str:
        """The address of the same question with some of it different."""
        parts = {"where": self.where, "search": self.search, "sort": self.sort, "facets": self.facets} | other
        asked = urlencode({name: value for name, value in parts.items() if value})
        return f"{path}?{asked}" if asked else path


@dataclass(frozen=True)
class ValueView:
    """One value of a facet."""

    label: str
    count: int
    share: float
    """Of the largest count, for the bar behind."""
    is_on: bool
    url: str


@dataclass(frozen=True)
class BarView:
    """One bar of a histogram."""

    x: float
    y: float
    width: float
    height: float
    is_on: bool
    url: str
    title: str


@dataclass(frozen=True)
class FacetView:
    """One facet."""

    column: str
    title: str
    meaning: str
    values: tuple[ValueView, ...] = ()
    others: int = 0
    bars: tuple[BarView, ...] = ()
    low: str = ""
    high: str = ""
    from_text: str = ""
    to_text: str = ""
    """The bounds that the filter says."""
    is_time: bool = False
    missing: int = 0
    clear_url: str = ""
    """Where nothing is said of the column; empty where that is so."""

    @property
    def is_narrowing(self) -> bool:
        """Whether the filter says something of the column."""
        return bool(self.clear_url)


def name_column(column: str) -> str:
    """A column's name for people."""
    return TITLES.get(column) or column.replace("_", " ").capitalize()


def view_facets(
    services: Services, frame: Frame, query: Query, tree: Filter | None, columns: tuple[str, ...]
) -> list[FacetView]:
    """The facets under a filter. Each is counted without what the filter says of its own column: other values of it
    can still be chosen."""
    narrowing, search = Narrowing.of(tree), query.search or None
    chosen = choose(services, frame, query.where or None, search)
    views: list[FacetView] = []
    for column in columns:
        rows = chosen
        if narrowing.about(column):
            rows = choose(services, frame, narrowing.without(column).text or None, search)
        (facet,) = frame.facets((column,), rows)
        views.append(_view_facet(facet, narrowing, query))
    return views


def _view_facet(facet: dict[str, Any], narrowing: Narrowing, query: Query) -> FacetView:
    column = facet["column"]
    shared: dict[str, Any] = {
        "column": column,
        "title": name_column(column),
        "meaning": COLUMNS[column].meaning,
        "missing": facet["missing"],
        "clear_url": query.url(where=narrowing.without(column).text) if narrowing.about(column) else "",
    }
    if COLUMNS[column].kind is ColumnKind.BOOLEAN:
        counts = {bool(one["low"]): one["count"] for one in facet["bins"] if one["low"] in (0.0, 1.0)}
        named = [(str(value).lower(), counts.get(value, 0), value) for value in (True, False) if counts.get(value)]
        return FacetView(**shared, values=_view_values(column, named, narrowing, query))
    if facet["kind"] == "histogram" and not any(one["count"] for one in facet["bins"]):
        return FacetView(**shared)
    if facet["kind"] == "histogram":
        return FacetView(**shared, **_view_bars(column, facet["bins"], narrowing, query))
    named = [(one["value"], one["count"], one["value"]) for one in facet["values"]]
    if facet["missing"]:
        named.append(("none", facet["missing"], None))
    on = narrowing.chosen(column)
    shown = [one for place, one in enumerate(named) if place < MAX_VALUES or one[2] in on]
    others = facet["others"] + sum(one[1] for one in named) - sum(one[1] for one in shown)
    return FacetView(**shared, values=_view_values(column, shown, narrowing, query), others=others)


def _view_values(
    column: str, named: list[tuple[str, int, Any]], narrowing: Narrowing, query: Query
) -> tuple[ValueView, ...]:
    on, most = narrowing.chosen(column), max((count for _, count, _ in named), default=1) or 1
    return tuple(
        ValueView(label, count, count / most, value in on, query.url(where=narrowing.toggle(column, value).text))
        for label, count, value in named
    )


def _view_bars(column: str, bins: list[dict[str, Any]], narrowing: Narrowing, query: Query) -> dict[str, Any]:
    most = max((one["count"] for one in bins), default=0) or 1
    parts, width = narrowing.about(column), PLOT_WIDTH / len(bins)
    bars: list[BarView] = []
    for place, one in enumerate(bins):
        low = None if place == 0 and len(bins) > 1 and not _is_whole(column) else one["low"]
        high = None if place == len(bins) - 1 and len(bins) > 1 and not _is_whole(column) else one["high"]
        height = max(_LEAST_BAR, PLOT_HEIGHT * one["count"] / most) if one["count"] else 0.0
        bars.append(
            BarView(
                x=round(place * width + _GAP / 2, 2),
                y=round(PLOT_HEIGHT - height, 2),
                width=round(max(1.0, width - _GAP), 2),
                height=round(height, 2),
                is_on=not parts or is_within(parts, one["low"], one["high"]),
                url=query.url(where=narrowing.limit(column, low, high).text),
                title=f"{_say_bin(column, one['low'], one['high'])}: {one['count']:,}",
            )
        )
    ends = _say_ends(column, bins) if bins else ("", "")
    bounds = narrowing.bounds(column)
    return {
        "bars": tuple(bars),
        "low": ends[0],
        "high": ends[1],
        "from_text": _say_bound(bounds[0]),
        "to_text": _say_bound(bounds[1]),
        "is_time": COLUMNS[column].kind is ColumnKind.TIME,
    }


def _say_bound(bound: Any) -> str:
    return "" if bound is None else str(bound)


def _is_whole(column: str) -> bool:
    return COLUMNS[column].kind is ColumnKind.INTEGER


def _say_bin(column: str, low: float, high: float) -> str:
    if _is_whole(column):
        return format_number(low) if high - low <= 1 else f"{format_number(low)} to {format_number(high - 1)}"
    return f"{_say(column, low)} to {_say(column, high)}"


def _say_ends(column: str, bins: list[dict[str, Any]]) -> tuple[str, str]:
    high = bins[-1]["high"] - 1 if _is_whole(column) else bins[-1]["high"]
    return _say(column, bins[0]["low"]), _say(column, high)


def _say(column: str, number: float) -> str:
    if COLUMNS[column].kind is ColumnKind.TIME:
        return datetime.fromtimestamp(number / _MICROSECONDS, UTC).strftime("%-d %b %Y %H:%M")
    return format_number(number)
