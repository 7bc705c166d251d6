"""What models solved, as a folder: the figures as JSON, a table, and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracewright.distill.evaluation_plots import draw_bars, draw_calibration
from tracewright.distill.model_table import format_markdown, format_row

FIGURES, TABLE, SOLVED, CALIBRATION = "evaluation.json", "evaluation.md", "solved.svg", "calibration.svg"


def write_evaluation(out: Path, summaries: Mapping[str, dict[str, Any]]) -> None:
    """The models' summaries by name; the plot of calibration only where problems were asked several times."""
    out.mkdir(parents=True, exist_ok=True)
    (out / FIGURES).write_text(json.dumps({"models": {**summaries}}, indent=1) + "\n")
    table = format_markdown([format_row(name, summary) for name, summary in summaries.items()])
    (out / TABLE).write_text(f"# Problems solved, with 95 % intervals\n\n{table}\n{_describe(summaries)}")
    bars = {name: tuple(100 * value for value in (one["pass@1"], *one["interval"])) for name, one in summaries.items()}
    (out / SOLVED).write_text(draw_bars(bars, "problems solved, %"))
    curves = {name: one["calibration"]["curve"] for name, one in summaries.items() if one["calibration"]}
    if curves:
        (out / CALIBRATION).write_text(draw_calibration(curves))


def _describe(summaries: Mapping[str, dict[str, Any]]) -> str:
    lines = ["| model | level | solved, % | interval |\n|---|---|---:|---|\n"]
    for name, one in summaries.items():
        for level, part in one["levels"].items():
            low, high = part["interval"]
            lines.append(f"| {name} | {level} | {100 * part['pass@1']:.1f} | {100 * low:.1f} to {100 * high:.1f} |\n")
    lines.append(
        "\n| model | checked steps that hold | tokens of an answer | error of calibration |\n|---|---:|---:|---:|\n"
    )
    lines += [f"| {name} | {' | '.join(describe_quality(one))} |\n" for name, one in summaries.items()]
    return "".join(lines)


def describe_quality(summary: Mapping[str, Any]) -> tuple[str, str, str]:
    """Steps, length and calibration, in words that fit a cell."""
    hold, calibration = summary["steps"]["hold"], summary["calibration"]
    return (
        "none checked" if hold is None else f"{hold:.1%}",
        f"{summary['answer_tokens']['mean']:.0f}",
        f"{calibration['ece']:.3f}" if calibration else "needs samples above 1",
    )
