"""What pages say of moments, names and lengths; numbers are worded as in the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tracewright.pipeline.report.wording import (
    MISSING,
    format_bytes,
    format_confidence,
    format_count,
    format_figure,
    format_seconds,
    format_share,
    shorten,
)

_SECONDS_A_MINUTE, _SECONDS_AN_HOUR, _SECONDS_A_DAY = 60, 3_600, 86_400
_COARSE_AFTER_DAYS = 14


def format_moment(moment: datetime | None) -> str:
    """A moment to the minute, in UTC."""
    return MISSING if moment is None else moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M")


def format_ago(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment is: just now, 5 min ago, 3 h ago, 2 days ago; older ones by their date."""
    if moment is None:
        return MISSING
    seconds = (now - moment).total_seconds()
    if seconds < _SECONDS_A_MINUTE:
        return "just now"
    if seconds < _SECONDS_AN_HOUR:
        return f"{seconds // _SECONDS_A_MINUTE:.0f} min ago"
    if seconds < _SECONDS_A_DAY:
        return f"{seconds // _SECONDS_AN_HOUR:.0f} h ago"
    days = int(seconds // _SECONDS_A_DAY)
    if days > _COARSE_AFTER_DAYS:
        return moment.astimezone(UTC).strftime("%-d %b %Y")
    return "yesterday" if days == 1 else f"{days} days ago"


def format_number(value: float | None) -> str:
    """A bound or a figure with no more digits than it needs: 0.35, 1,024, 12.5."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def clip(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis, on one line: for a list, where the whole is a click away."""
    line = " ".join(text[: limit * 2].split())
    return line if len(line) <= limit and len(text) <= limit * 2 else f"{line[:limit].rstrip()}…"


def count_words(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: 1 trace, 2,000 traces."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": format_ago,
    "bytes": format_bytes,
    "clip": clip,
    "conf": format_confidence,
    "count": format_count,
    "figure": format_figure,
    "moment": format_moment,
    "number": format_number,
    "seconds": format_seconds,
    "share": format_share,
    "short": shorten,
    "words": count_words,
}
