"""The facets beside the list: values with counts, histograms with bars, each a link to a narrower or wider filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
PLOT_WIDTH, PLOT_HEIGHT = 240.0, 44.0
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
    "chars": "Characters",
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
    is_missing: bool
    """Whether it is that there is no value."""


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
    clear_url: str = ""
    """Where nothing is said of the column; empty where that is so."""

    @property
    def is_narrowing(self) -> bool:
        """Whether the filter says something of the column."""
        return bool(self.clear_url)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to choose from."""
        return not self.bars and not self.is_narrowing and all(one.is_missing for one in self.values)


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
        views.append(_view_facet(facet, narrowing, query, _find_ends(frame, column)))
    return views


def _find_ends(frame: Frame, column: str) -> tuple[float, float] | None:
    """The least and the largest number of all traces: the outer bars hold whatever lies beyond the bins."""
    is_number = COLUMNS[column].kind in (ColumnKind.INTEGER, ColumnKind.NUMBER)
    return frame.ends(column) if is_number and column in frame.scalars.columns else None


def _view_facet(
    facet: dict[str, Any], narrowing: Narrowing, query: Query, ends: tuple[float, float] | None
) -> FacetView:
    column = facet["column"]
    shared: dict[str, Any] = {
        "column": column,
        "title": name_column(column),
        "meaning": COLUMNS[column].meaning,
        "clear_url": query.url(where=narrowing.without(column).text) if narrowing.about(column) else "",
    }
    if COLUMNS[column].kind is ColumnKind.BOOLEAN:
        counts = {bool(one["low"]): one["count"] for one in facet["bins"] if one["low"] in (0.0, 1.0)}
        named = [(str(value).lower(), counts.get(value, 0), value) for value in (True, False) if counts.get(value)]
        return FacetView(**shared, values=_view_values(column, named, narrowing, query))
    none = [("none", facet["missing"], None)] if facet["missing"] else []
    if facet["kind"] == "histogram":
        return _view_histogram(shared, facet["bins"], none, narrowing, query, ends)
    named = [(one["value"], one["count"], one["value"]) for one in facet["values"]] + none
    on = narrowing.chosen(column)
    shown = [one for place, one in enumerate(named) if place < MAX_VALUES or one[2] in on]
    others = facet["others"] + sum(one[1] for one in named) - sum(one[1] for one in shown)
    return FacetView(**shared, values=_view_values(column, shown, narrowing, query), others=others)


def _view_histogram(
    shared: dict[str, Any],
    bins: list[dict[str, Any]],
    none: list[tuple[str, int, Any]],
    narrowing: Narrowing,
    query: Query,
    ends: tuple[float, float] | None,
) -> FacetView:
    """Bars, and beneath them how many have no value; a number that all have is a value like any other."""
    column = shared["column"]
    counted = sum(one["count"] for one in bins)
    if len(bins) == 1 and _is_whole(column) and (ends is None or ends[0] == ends[1]):
        only = [(format_number(bins[0]["low"]), counted, int(bins[0]["low"]))] if counted else []
        return FacetView(**shared, values=_view_values(column, only + none, narrowing, query))
    values = _view_values(column, none, narrowing, query, most=counted + sum(one[1] for one in none))
    return FacetView(**shared, values=values, **(_view_bars(column, bins, narrowing, query, ends) if counted else {}))


def _view_values(
    column: str, named: list[tuple[str, int, Any]], narrowing: Narrowing, query: Query, most: int = 0
) -> tuple[ValueView, ...]:
    on, most = narrowing.chosen(column), most or max((count for _, count, _ in named), default=1) or 1
    return tuple(
        ValueView(
            label,
            count,
            count / most,
            value in on,
            query.url(where=narrowing.toggle(column, value).text),
            is_missing=value is None,
        )
        for label, count, value in named
    )


def _view_bars(
    column: str, bins: list[dict[str, Any]], narrowing: Narrowing, query: Query, ends: tuple[float, float] | None
) -> dict[str, Any]:
    most = max((one["count"] for one in bins), default=0) or 1
    parts, width = narrowing.about(column), PLOT_WIDTH / len(bins)
    is_open = (not _is_whole(column), not _is_whole(column))
    if _is_whole(column) and ends is not None:
        is_open = (ends[0] < bins[0]["low"], ends[1] >= bins[-1]["high"])
    bars: list[BarView] = []
    for place, one in enumerate(bins):
        low = None if place == 0 and is_open[0] else one["low"]
        high = None if place == len(bins) - 1 and is_open[1] else one["high"]
        height = max(_LEAST_BAR, PLOT_HEIGHT * one["count"] / most) if one["count"] else 0.0
        bars.append(
            BarView(
                x=round(place * width + _GAP / 2, 2),
                y=round(PLOT_HEIGHT - height, 2),
                width=round(max(1.0, width - _GAP), 2),
                height=round(height, 2),
                is_on=not parts or is_within(parts, one["low"], one["high"]),
                url=query.url(where=narrowing.limit(column, low, high).text),
                title=f"{_say_bin(column, one['low'], one['high'], low is None, high is None)}: {one['count']:,}",
            )
        )
    bounds = narrowing.bounds(column)
    low, high = _say_ends(column, bins, ends)
    return {
        "bars": tuple(bars),
        "low": low,
        "high": high,
        "from_text": _say_bound(bounds[0]),
        "to_text": _say_bound(bounds[1]),
        "is_time": COLUMNS[column].kind is ColumnKind.TIME,
    }


def _say_bound(bound: Any) -> str:
    return "" if bound is None else str(bound)


def _is_whole(column: str) -> bool:
    return COLUMNS[column].kind is ColumnKind.INTEGER


def _say_bin(column: str, low: float, high: float, is_first: bool, is_last: bool) -> str:
    if COLUMNS[column].kind is ColumnKind.TIME:
        return " to ".join(_say_moments(low, high))
    if is_first:
        return f"below {format_number(high)}"
    if is_last:
        return f"{format_number(low)} or more"
    last = high - 1 if _is_whole(column) else high
    return format_number(low) if last == low else f"{format_number(low)} to {format_number(last)}"


def _say_ends(column: str, bins: list[dict[str, Any]], ends: tuple[float, float] | None) -> tuple[str, str]:
    low, high = bins[0]["low"], bins[-1]["high"]
    if COLUMNS[column].kind is ColumnKind.TIME:
        return _say_moments(low, high)
    if ends is not None and not 0.0 <= low <= high <= 1.0:
        low, high = ends
    elif _is_whole(column):
        high -= 1
    return format_number(low), format_number(high)


def _say_moments(low: float, high: float) -> tuple[str, str]:
    """Two moments, no longer than it takes to tell them apart."""
    first, last = (datetime.fromtimestamp(end / _MICROSECONDS, UTC) for end in (low, high))
    if last - first > timedelta(days=3):
        return first.strftime("%-d %b %Y"), last.strftime("%-d %b %Y")
    end = "%H:%M" if first.date() == last.date() else "%-d %b %H:%M"
    return first.strftime("%-d %b %H:%M"), last.strftime(end)
