"""The report of a run: one HTML file that needs no network, and a table for the terminal.

data = collect_report_data(store, manifest, title=…, made_at=…)
write_report(data, out / "report.html")
console.print(terminal_table(data))
"""

from tracewright.pipeline.report.collect import collect_report_data
from tracewright.pipeline.report.confidence_panel import compare_scores, make_confidence_panel
from tracewright.pipeline.report.data import (
    AccuracySeries,
    ComparedScore,
    ConfidencePanel,
    Headline,
    LevelShare,
    LossCurve,
    LossPoint,
    ModelFigures,
    RatePoint,
    RejectionGroup,
    ReportData,
    ScoreComparison,
    SideBySide,
    SolvedBy,
    StudentPanel,
)
from tracewright.pipeline.report.page import render_report, write_report
from tracewright.pipeline.report.terminal import terminal_table

__all__ = [
    "AccuracySeries",
    "ComparedScore",
    "ConfidencePanel",
    "Headline",
    "LevelShare",
    "LossCurve",
    "LossPoint",
    "ModelFigures",
    "RatePoint",
    "RejectionGroup",
    "ReportData",
    "ScoreComparison",
    "SideBySide",
    "SolvedBy",
    "StudentPanel",
    "collect_report_data",
    "compare_scores",
    "make_confidence_panel",
    "render_report",
    "terminal_table",
    "write_report",
]
