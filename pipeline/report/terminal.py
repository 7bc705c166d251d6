"""The end of a run in the terminal: the report's numbers as a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from tracewright.pipeline.report.data import AccuracySeries, ReportData, StudentPanel
from tracewright.pipeline.report.views import view_model_table, view_tiles
from tracewright.pipeline.report.wording import format_figure, format_share


def terminal_table(data: ReportData) -> Table:
    """Name, value and note of everything that has a number; text of the data is never read as markup."""
    table = Table(title=Text(data.title), title_justify="left", show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for section in (_headline_rows(data), _confidence_rows(data), _accuracy_rows(data), _student_rows(data.student)):
        for name, value, note in section:
            table.add_row(Text(name), Text(value), Text(note))
        table.add_section()
    return table


def _headline_rows(data: ReportData) -> Iterator[tuple[str, str, str]]:
    for tile in view_tiles(data.headline):
        yield tile.name, tile.value, tile.note


def _confidence_rows(data: ReportData) -> Iterator[tuple[str, str, str]]:
    panel = data.confidence
    if panel is None or panel.figures is None:
        reason = panel.reason if panel else data.confidence_reason
        yield "Confidence", "none", reason or ""
        return
    wrong = format_share(panel.figures.wrong_share)
    yield "Confidence, AUROC", format_figure(panel.figures.auroc), f"{panel.figures.steps:,} steps, {wrong} wrong"
    yield "Confidence, ECE", format_figure(panel.figures.ece, 4), f"Brier {format_figure(panel.figures.brier, 4)}"


def _accuracy_rows(data: ReportData) -> Iterator[tuple[str, str, str]]:
    for series in data.accuracy:
        yield "Solved", _mean(series), f"{series.name}: {_by_level(series)}"


def _student_rows(student: StudentPanel | None) -> Iterator[tuple[str, str, str]]:
    if student is None:
        return
    for model, row in zip(student.models, view_model_table(student), strict=True):
        series = AccuracySeries(model.name, model.accuracy)
        yield (
            model.name.capitalize(),
            _mean(series),
            f"{_by_level(series)}; {row.parameters} parameters, {row.size}, {row.speed} tokens per second",
        )
    if student.conclusion:
        yield "", "", student.conclusion


def _mean(series: AccuracySeries) -> str:
    count = sum(level.count for level in series.levels)
    return format_share(sum(level.right for level in series.levels) / count if count else None)


def _by_level(series: AccuracySeries) -> str:
    shares = " / ".join(f"{level.share * 100:.0f}" for level in series.levels)
    levels = " / ".join(str(level.level) for level in series.levels)
    return f"{shares} % with {levels} operators"
