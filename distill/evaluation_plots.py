"""Plots of what models solve, as SVG."""

from __future__ import annotations

from collections.abc import Mapping


def draw_bars(bars: Mapping[str, tuple[float, float]], axis: str) -> str:
    """A bar for each name, with half the width of its interval: name → (value, half)."""
    import altair as alt
    import vl_convert

    rows = [
        {"name": name, "value": value, "low": value - half, "high": value + half}
        for name, (value, half) in bars.items()
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("name:N", sort=None, title=None, axis=alt.Axis(labelAngle=0))
    )
    shown = base.mark_bar(color="#4c78a8").encode(y=alt.Y("value:Q", title=axis))
    whiskers = base.mark_rule(color="#222").encode(y="low:Q", y2="high:Q")
    chart = (shown + whiskers).properties(width=90 * len(rows), height=240)
    return vl_convert.vegalite_to_svg(chart.to_dict())
