"""One HTML file that needs no network: styles and drawings are inside, and there is no script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tracewright.pipeline.report import charts, wording
from tracewright.pipeline.report.data import ReportData, StudentPanel
from tracewright.pipeline.report.views import (
    view_funnel,
    view_model_table,
    view_tiles,
    view_trace,
)
from tracewright.schemas.errors import StoreError

MAX_REJECTION_GROUPS = 12
MAX_ROW_CHARS = 240
_CONTROL_PICTURES: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **{code: f"⟨U+{code:04X}⟩" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
}
"""HTML allows no control characters but tab and newline; marks of writing direction would turn our own words round."""


def write_report(data: ReportData, out: Path) -> Path:
    """Write the report to a file, through a neighbour that is renamed, and give its path.

    Every text of the data is escaped: completions and rejected rows are hostile. Deterministic for equal data.

    Raises:
        StoreError: the file can't be written.
    """
    page = render_report(data)
    draft = out.with_name(out.name + ".tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page, encoding="utf-8", errors="backslashreplace")
        draft.replace(out)
    except OSError as error:
        raise StoreError(f"can't write the report to {out}: {error.strerror}; free or unlock its folder") from error
    return out


def render_report(data: ReportData) -> str:
    """The page as text."""
    environment = _make_environment()
    return environment.get_template(
        "report.html.jinja"
    ).render(
        data=data,
        style=Markup(_read_style(environment)),  # noqa: S704 - our own file
        tiles=view_tiles(data.headline),
        funnel=view_funnel(data.funnel),
        traces=_view_traces(data),
        rejections=data.rejections[:MAX_REJECTION_GROUPS],
        rejected=sum(group.count for group in data.rejections),
        max_row_chars=MAX_ROW_CHARS,
        drawings={name: Markup(drawing) for name, drawing in _draw(data).items()},  # noqa: S704 - Vega escapes text
        levels=_levels(data.student),
        models=view_model_table(data.student) if data.student else (),
    )


def _draw(data: ReportData) -> dict[str, str]:
    """The drawings that there is anything to draw for."""
    drawings: dict[str, str] = {}
    panel = data.confidence
    if panel and sum(panel.right_counts) + sum(panel.wrong_counts):
        drawings["confidence"] = charts.draw_confidence(panel)
    if panel and panel.curve:
        drawings["curve"] = charts.draw_calibration(panel.curve)
    if any(level.count for series in data.accuracy for level in series.levels):
        drawings["accuracy"] = charts.draw_accuracy(data.accuracy)
    if len(data.throughput) > 1:
        drawings["throughput"] = charts.draw_throughput(data.throughput)
    if data.student:
        drawings.update(_draw_student(data.student))
    return drawings


def _draw_student(student: StudentPanel) -> dict[str, str]:
    drawings: dict[str, str] = {}
    if any(level.count for model in student.models for level in model.accuracy):
        drawings["models"] = charts.draw_models(student.models)
    if any(len(curve.points) > 1 for curve in student.losses):
        drawings["losses"] = charts.draw_losses(student.losses)
    return drawings


def _view_traces(data: ReportData) -> list[Any]:
    pairs = (("A right one", data.right_trace), ("A wrong one", data.wrong_trace))
    return [view_trace(title, trace) for title, trace in pairs if trace is not None]


def _levels(student: StudentPanel | None) -> list[int]:
    models = student.models if student else ()
    return sorted({level.level for model in models for level in model.accuracy})


def _read_style(environment: jinja2.Environment) -> str:
    assert environment.loader is not None  # noqa: S101
    return environment.loader.get_source(environment, "report.css")[0]


def _make_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tracewright.pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_show_controls,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "count": wording.format_count,
        "share": wording.format_share,
        "figure": wording.format_figure,
        "confidence": wording.format_confidence,
        "shorten": wording.shorten,
    }
    environment.filters.update(filters)
    return environment


def _show_controls(value: object) -> object:
    return value.translate(_CONTROL_PICTURES) if isinstance(value, str) and not isinstance(value, Markup) else value
