"""Plots of what models solve, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def draw_bars(bars: Mapping[str, tuple[float, float, float]], axis: str) -> str:
    """A bar for each name, with its interval: name → (value, low, high)."""
    import altair as alt
    import vl_convert

    rows = [{"name": name, "value": value, "low": low, "high": high} for name, (value, low, high) in bars.items()]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("name:N", sort=None, title=None, axis=alt.Axis(labelAngle=0))
    )
    shown = base.mark_bar(color="#4c78a8").encode(y=alt.Y("value:Q", title=axis))
    whiskers = base.mark_rule(color="#222").encode(y="low:Q", y2="high:Q")
    chart = (shown + whiskers).properties(width=90 * len(rows), height=240)
    return vl_convert.vegalite_to_svg(chart.to_dict())


def draw_calibration(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """How often answers were right by the share of samples that agreed on them; on the diagonal the share tells."""
    import altair as alt
    import vl_convert

    rows = [{"name": name, **point} for name, curve in curves.items() for point in curve]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("confidence:Q", title="samples that agree", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("name:N", title=None),
    )
    points = base.mark_line(point=True).encode(y=alt.Y("accuracy:Q", title="right", scale=alt.Scale(domain=[0, 1])))
    whiskers = base.mark_rule().encode(y="low:Q", y2="high:Q")
    ends = alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    diagonal = alt.Chart(ends).mark_line(color="#999", strokeDash=[4, 4]).encode(x="x:Q", y="y:Q")
    chart = (diagonal + points + whiskers).properties(width=300, height=300)
    return vl_convert.vegalite_to_svg(chart.to_dict())
