"""The report's charts: each takes plain numbers and gives an SVG drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt

from tracewright.pipeline.confidence.metrics import ReliabilityPoint
from tracewright.pipeline.report.data import AccuracySeries, ConfidencePanel, LossCurve, ModelFigures, RatePoint
from tracewright.pipeline.report.svg import SERIES, Ink, draw

_WIDTH, _HEIGHT = 460, 260
_HALF_HEIGHT = 116
_MAX_LOSS_POINTS = 400
"""A drawing this wide shows no more."""
_PERCENT = ".0%"
_MAX_DECADES_WITH_STEPS = 3.0
_UNIT_DOMAIN = [0.0, 1.0]
_BIN_GAP = 0.06
"""Left free on either side of a bar, as a share of its bin."""


def draw_confidence(panel: ConfidencePanel) -> str:
    """Shares of right and of wrong steps by confidence, one above the other."""
    right = _draw_bins("Right steps", panel.right_counts, Ink.RIGHT, labelled=False)
    wrong = _draw_bins("Wrong steps", panel.wrong_counts, Ink.WRONG, labelled=True)
    return draw(alt.vconcat(right, wrong, spacing=14), "confidence")


def draw_calibration(curve: Sequence[ReliabilityPoint]) -> str:
    """Accuracy against confidence with 95 % intervals; the diagonal is a confidence that means what it says."""
    points = _data(
        {
            "confidence": point.confidence,
            "accuracy": point.accuracy,
            "low": point.low,
            "high": point.high,
            "count": point.count,
        }
        for point in curve
    )
    x = alt.X("confidence:Q", title="Confidence", scale=alt.Scale(domain=_UNIT_DOMAIN), axis=_axis(_PERCENT))
    y_scale = alt.Scale(domain=_UNIT_DOMAIN)
    y = alt.Y("accuracy:Q", title="Steps that are right", scale=y_scale, axis=_axis(_PERCENT))
    diagonal = (
        alt.Chart(_data([{"confidence": 0.0, "accuracy": 0.0}, {"confidence": 1.0, "accuracy": 1.0}]))
        .mark_line(color=Ink.MUTED.value, strokeDash=[4, 4], strokeWidth=1)
        .encode(x=x, y=y)
    )
    base = alt.Chart(points)
    bars = base.mark_rule(color=Ink.ACCENT.value, strokeWidth=2, opacity=0.45).encode(
        x=x, y=alt.Y("low:Q", scale=y_scale, title="Steps that are right", axis=_axis(_PERCENT)), y2="high:Q"
    )
    line = base.mark_line(color=Ink.ACCENT.value, strokeWidth=2).encode(x=x, y=y)
    dots = base.mark_circle(color=Ink.ACCENT.value, opacity=1, stroke=Ink.CARD.value, strokeWidth=1.5, size=90)
    return draw((diagonal + bars + line + dots.encode(x=x, y=y)).properties(width=_WIDTH, height=_HEIGHT), "curve")


def draw_accuracy(series: Sequence[AccuracySeries], name: str = "accuracy") -> str:
    """Accuracy by number of operators with 95 % intervals, one line a series, a little apart so that none hides."""
    names = [one.name for one in series]
    rows = _data(
        {
            "series": one.name,
            "level": level.level + _dodge(number, len(series)),
            "share": level.share,
            "low": level.interval[0],
            "high": level.interval[1],
        }
        for number, one in enumerate(series)
        for level in one.levels
        if level.count
    )
    ticks = sorted({level.level for one in series for level in one.levels if level.count})
    x = alt.X(
        "level:Q",
        title="Operators in the problem",
        scale=alt.Scale(domain=[ticks[0] - 0.35, ticks[-1] + 0.35], nice=False),
        axis=alt.Axis(values=ticks, format="d", grid=False),
    )
    colour = alt.Color("series:N", scale=_series_scale(names), legend=None)
    y = alt.Y("share:Q", title="Solved", scale=alt.Scale(domain=_UNIT_DOMAIN), axis=_axis(_PERCENT))
    base = alt.Chart(rows)
    bars = base.mark_rule(strokeWidth=2, opacity=0.45).encode(
        x=x, y=alt.Y("low:Q", title="Solved", axis=_axis(_PERCENT)), y2="high:Q", color=colour
    )
    line = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    dots = base.mark_circle(size=90, opacity=1, stroke=Ink.CARD.value, strokeWidth=1.5).encode(x=x, y=y, color=colour)
    return draw((bars + line + dots).properties(width=_WIDTH, height=_HEIGHT), name)


def draw_models(models: Sequence[ModelFigures]) -> str:
    """The models' accuracy by number of operators, as `draw_accuracy`."""
    return draw_accuracy([AccuracySeries(model.name, model.accuracy) for model in models], "models")


def draw_throughput(points: Sequence[RatePoint]) -> str:
    """Tokens per second over the run."""
    rows = _data({"seconds": point.seconds, "rate": point.tokens_per_second} for point in points)
    chart = (
        alt.Chart(rows)
        .mark_area(
            color=Ink.ACCENT.value,
            opacity=0.18,
            interpolate="monotone",
            line={"color": Ink.ACCENT.value, "strokeWidth": 2, "opacity": 1},
        )
        .encode(
            x=alt.X("seconds:Q", title="Seconds since the start", axis=alt.Axis(grid=False, format="d", tickCount=6)),
            y=alt.Y("rate:Q", title="Tokens per second", axis=_axis(",d"), scale=alt.Scale(zero=True)),
        )
    )
    return draw(chart.properties(width=_WIDTH, height=_HEIGHT), "rate")


def draw_losses(curves: Sequence[LossCurve]) -> str:
    """The parts of the training loss over optimizer steps, on a logarithmic scale."""
    names = [curve.name for curve in curves]
    ticks = _choose_log_ticks([point.loss for curve in curves for point in curve.points if point.loss > 0])
    rows = _data(
        {"series": curve.name, "step": point.step, "loss": point.loss}
        for curve in curves
        for point in curve.points[:: max(1, len(curve.points) // _MAX_LOSS_POINTS)]
        if point.loss > 0
    )
    chart = (
        alt.Chart(rows)
        .mark_line(strokeWidth=1.8)
        .encode(
            x=alt.X("step:Q", title="Optimizer steps", axis=alt.Axis(grid=False, format=",d", tickCount=6)),
            y=alt.Y(
                "loss:Q",
                title="Loss",
                scale=alt.Scale(type="log", domain=[ticks[0], ticks[-1]]),
                axis=alt.Axis(format="~g", values=ticks),
            ),
            color=alt.Color("series:N", scale=_series_scale(names), legend=None),
        )
    )
    return draw(chart.properties(width=_WIDTH, height=_HEIGHT), "loss")


def _draw_bins(name: str, counts: Sequence[int], ink: Ink, labelled: bool) -> alt.Chart:
    total, width = sum(counts) or 1, 1 / len(counts)
    rows = _data(
        {"from": (index + _BIN_GAP) * width, "to": (index + 1 - _BIN_GAP) * width, "share": count / total, "zero": 0}
        for index, count in enumerate(counts)
        if count
    )
    axis = alt.Axis(format=_PERCENT, grid=False, labels=labelled, tickCount=5)
    return (
        alt.Chart(rows)
        .mark_rect(color=ink.value)
        .encode(
            x=alt.X(
                "from:Q", title="Confidence" if labelled else None, axis=axis, scale=alt.Scale(domain=_UNIT_DOMAIN)
            ),
            x2="to:Q",
            y=alt.Y("share:Q", title=name, axis=_axis(_PERCENT, count=4), scale=alt.Scale(zero=True)),
            y2="zero:Q",
        )
        .properties(width=_WIDTH, height=_HALF_HEIGHT)
    )


def _data(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))


def _axis(number_format: str, count: int = 5) -> alt.Axis:
    return alt.Axis(format=number_format, tickCount=count)


def _choose_log_ticks(values: Sequence[float]) -> list[float]:
    """Numbers such as 0.1, 0.2, 0.5, 1 that enclose the values; powers of ten alone where they span a long way."""
    low, high = (math.log10(edge) for edge in (min(values, default=1.0), max(values, default=1.0)))
    mantissas = (1.0,) if high - low > _MAX_DECADES_WITH_STEPS else (1.0, 2.0, 5.0)
    ticks = [
        mantissa * 10.0**power for power in range(math.floor(low) - 1, math.ceil(high) + 2) for mantissa in mantissas
    ]
    below, above = max(tick for tick in ticks if tick <= 10**low), min(tick for tick in ticks if tick >= 10**high)
    return [tick for tick in ticks if below <= tick <= above]


def _dodge(number: int, count: int) -> float:
    return (number - (count - 1) / 2) * 0.08


def _series_scale(names: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[SERIES[i % len(SERIES)].value for i in range(len(names))])
