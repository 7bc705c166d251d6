"""The card's pictures, drawn from the manifest alone: PNG, since the Hugging Face hub shows no SVG of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tracewright.pipeline.cards.markdown import plain_line
from tracewright.schemas.release import UNKNOWN, Histogram, ReleaseManifest, StageCount
from tracewright.schemas.verdict import CheckOutcome

if TYPE_CHECKING:
    import altair as alt

_WIDTH, _HEIGHT, _BAR_HEIGHT = 520, 220, 22
_SCALE = 2.0
"""Dots for each point: sharp on dense screens."""
_MAX_BARS, _MAX_NAME_CHARS = 12, 40
_INK, _MUTED, _GRID = "#1f2933", "#52606d", "#e4e7eb"
_ACCENT, _RIGHT, _WRONG, _PALE = "#2f6fb0", "#2e8b57", "#c0392b", "#cbd2d9"
_CHECK_COLOURS = {CheckOutcome.HOLDS: _RIGHT, CheckOutcome.FAILS: _WRONG, CheckOutcome.UNCHECKED: _PALE}
_CHECK_NAMES = {CheckOutcome.HOLDS: "holds", CheckOutcome.FAILS: "fails", CheckOutcome.UNCHECKED: "not checked"}
_FONT = "Arial, Helvetica, Liberation Sans, DejaVu Sans, sans-serif"

PICTURES = {
    "pictures/funnel.png": "How many rows went into each stage and how many came out",
    "pictures/lengths.png": "How long the traces are",
    "pictures/confidence.png": "Confidence of the steps by what their check gave",
    "pictures/calibration.png": "How many steps are right at each confidence",
    "pictures/origins.png": "Sources, domains and licences of the problems",
}
"""Every picture that a card may have, with what it shows."""


def draw_pictures(manifest: ReleaseManifest) -> dict[str, bytes]:
    """The pictures by their path in the release; those that would show nothing are left out.

    The same manifest gives the same bytes with the same versions of Altair, vl-convert and the machine's fonts.
    """
    drawn = {
        "pictures/funnel.png": _funnel(manifest),
        "pictures/lengths.png": _lengths(manifest),
        "pictures/confidence.png": _confidence(manifest),
        "pictures/calibration.png": _calibration(manifest),
        "pictures/origins.png": _origins(manifest),
    }
    return {path: _to_png(chart) for path, chart in drawn.items() if chart is not None}


def _funnel(manifest: ReleaseManifest) -> Any:
    stages = [
        f"{place}. {plain_line(count.stage, _MAX_NAME_CHARS)}" for place, count in enumerate(manifest.funnel, start=1)
    ]
    rows = [
        {"stage": name, "rows": rows, "which": which, "order": order, "label": _count_label(count)}
        for name, count in zip(stages, manifest.funnel, strict=True)
        for which, order, rows in (("kept", 0, count.rows_out), ("turned away", 1, count.rows_in - count.rows_out))
    ]
    alt = _altair()
    colour = alt.Color(
        "which:N", title=None, scale=alt.Scale(domain=["kept", "turned away"], range=[_ACCENT, _PALE]), legend=_legend()
    )
    base = alt.Chart(_data(rows)).encode(y=alt.Y("stage:N", sort=stages, title=None))
    bars = base.mark_bar().encode(x=alt.X("rows:Q", title="Rows", axis=_whole_axis()), color=colour, order="order:O")
    labels = (
        base.transform_filter("datum.order == 0")
        .mark_text(align="left", dx=6, color="white", fontWeight="bold")
        .encode(x=alt.datum(0), text="label:N")
    )
    return (bars + labels).properties(width=_WIDTH, height=_BAR_HEIGHT * max(2, len(stages)))


def _lengths(manifest: ReleaseManifest) -> Any:
    units = {"tokens": "Tokens of a trace", "chars": "Characters of a trace", "steps": "Steps of a trace"}
    panels = [
        _bins([(_ACCENT, manifest.histograms[name])], title, "Traces", width=_WIDTH // 2 - 20)
        for name, title in units.items()
        if name in manifest.histograms
    ]
    return _altair().hconcat(*panels, spacing=24) if panels else None


def _confidence(manifest: ReleaseManifest) -> Any:
    found = [(check, manifest.histograms[check]) for check in CheckOutcome if check in manifest.histograms]
    if not found:
        return None
    panels = [
        _bins([(_CHECK_COLOURS[check], counts)], "Confidence", f"Steps: {_CHECK_NAMES[check]}", height=90, share=True)
        for check, counts in found
        if sum(counts.counts)
    ]
    return _altair().vconcat(*panels, spacing=8)


def _calibration(manifest: ReleaseManifest) -> Any:
    figures = manifest.calibration
    if figures is None or not figures.curve:
        return None
    alt = _altair()
    unit = alt.Scale(domain=[0, 1])
    x = alt.X("confidence:Q", title="Confidence", scale=unit, axis=alt.Axis(format=".0%"))
    y = alt.Y("accuracy:Q", title="Steps that are right", scale=unit, axis=alt.Axis(format=".0%"))
    ends = [{"confidence": 0.0, "accuracy": 0.0}, {"confidence": 1.0, "accuracy": 1.0}]
    diagonal = alt.Chart(_data(ends)).mark_line(color=_MUTED, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y)
    base = alt.Chart(_data([point.model_dump() for point in figures.curve]))
    intervals = base.mark_rule(color=_ACCENT, opacity=0.5, strokeWidth=2).encode(
        x=x, y=alt.Y("low:Q", title="Steps that are right", scale=unit), y2="high:Q"
    )
    dots = base.mark_line(color=_ACCENT, point={"color": _ACCENT, "size": 60}).encode(x=x, y=y)
    return (diagonal + intervals + dots).properties(width=_HEIGHT + 80, height=_HEIGHT + 80)


def _origins(manifest: ReleaseManifest) -> Any:
    kinds = {"Sources": manifest.sources, "Domains": manifest.domains, "Licences": manifest.licenses}
    panels = [_bars(title, counts) for title, counts in kinds.items() if counts.keys() != {UNKNOWN}]
    return _altair().hconcat(*panels, spacing=24)


def _bars(title: str, counts: dict[str, int]) -> Any:
    alt = _altair()
    shown = dict(list(counts.items())[:_MAX_BARS])
    if rest := sum(counts.values()) - sum(shown.values()):
        shown[f"{len(counts) - len(shown):,} others"] = rest
    rows = [
        {"name": plain_line(name, _MAX_NAME_CHARS), "rows": rows, "label": f"{rows:,}"} for name, rows in shown.items()
    ]
    names = [row["name"] for row in rows]
    base = alt.Chart(_data(rows)).encode(y=alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelLimit=130)))
    bars = base.mark_bar(color=_ACCENT, size=_BAR_HEIGHT - 6).encode(
        x=alt.X("rows:Q", title="Traces", axis=_whole_axis(ticks=3))
    )
    height = _BAR_HEIGHT * max(2, len(names))
    return bars.properties(width=_WIDTH // 3 - 40, height=height, title=title)


def _bins(
    series: list[tuple[str, Histogram]],
    x_title: str,
    y_title: str,
    *,
    width: int = _WIDTH,
    height: int = _HEIGHT,
    share: bool = False,
) -> Any:
    alt = _altair()
    layers: list[Any] = []
    for colour, counts in series:
        total = sum(counts.counts) if share else 1
        # A bin of one whole number stands over the number.
        shift = 0.5 if counts.edges[1] - counts.edges[0] == 1 else 0.0
        rows = [
            {"from": low - shift, "to": high - shift, "rows": count / total, "zero": 0}
            for low, high, count in zip(counts.edges, counts.edges[1:], counts.counts, strict=False)
        ]
        axis = alt.Axis(format=".0%", tickCount=4) if share else _whole_axis()
        y = alt.Y("rows:Q", title=y_title, axis=axis)
        x_axis = alt.Axis(format=".0%", tickCount=5, grid=False) if share else alt.Axis(tickCount=6, grid=False)
        x = alt.X(
            "from:Q",
            title=x_title,
            axis=x_axis,
            scale=alt.Scale(domain=[counts.edges[0] - shift, counts.edges[-1] - shift], nice=False),
        )
        drawn = alt.Chart(_data(rows)).mark_rect(color=colour, stroke="white", strokeWidth=0.5)
        layers.append(drawn.encode(x=x, x2="to:Q", y=y, y2="zero:Q"))
    return alt.layer(*layers).properties(width=width, height=height)


def _count_label(count: StageCount) -> str:
    away = count.rows_in - count.rows_out
    return f"{count.rows_out:,} kept" + (f", {away:,} turned away" if away else "")


def _altair() -> Any:
    import altair

    return altair


def _data(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    return _altair().InlineData(values=list(rows))


def _whole_axis(ticks: int = 5) -> Any:
    return _altair().Axis(format=",d", tickCount=ticks, tickMinStep=1)


def _legend() -> Any:
    return _altair().Legend(orient="bottom")


def _to_png(chart: Any) -> bytes:
    import vl_convert

    styled = (
        chart.configure(font=_FONT, background="white", padding=12)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK,
            titleColor=_MUTED,
            titleFontWeight="normal",
            gridColor=_GRID,
            domain=False,
            ticks=False,
            labelPadding=6,
            titlePadding=8,
            labelLimit=240,
        )
        .configure_title(color=_INK, fontSize=13, anchor="start")
    )
    return vl_convert.vegalite_to_png(styled.to_json(), scale=_SCALE)
