"""What quantizing did to each layer, as SVG."""

from __future__ import annotations

from tracewright.distill.quantization_report import QuantizationReport

LAYERS_PLOT = "layers.svg"
"""Beside a quantized checkpoint."""
_ROUNDINGS = {"error": "as it ships", "nearest_error": "rounded to the nearest"}
_ROW_PX, _WIDTH_PX = 16, 520


def draw_layers(report: QuantizationReport) -> str:
    """A row a layer, in the order in which they run: its error, and what plain rounding would have given."""
    import altair as alt
    import vl_convert

    rows = [
        {"layer": layer.name, "rounding": words, "error": 100 * getattr(layer, key)}
        for layer in report.layers
        for key, words in _ROUNDINGS.items()
    ]
    colors = alt.Scale(domain=list(_ROUNDINGS.values()), range=["#4c78a8", "#bbb"])
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=60)
        .encode(
            x=alt.X("error:Q", title=f"error of the layer's outputs, % ({report.title})"),
            y=alt.Y("layer:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color("rounding:N", scale=colors, title=None, legend=alt.Legend(orient="top")),
        )
        .properties(width=_WIDTH_PX, height=_ROW_PX * len(report.layers))
    )
    return vl_convert.vegalite_to_svg(chart.to_dict())
