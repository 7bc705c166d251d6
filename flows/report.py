"""What the main job shows at its end: a table in the terminal, the HTML report, and the summary for `--json`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tracewright.distill.comparison import Contender, DemoStudents
from tracewright.distill.evaluation import Evaluation
from tracewright.flows.progress import console, say
from tracewright.flows.student_panel import level_shares, make_student_panel
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.generation import GenerationCounts
from tracewright.pipeline.report import (
    AccuracySeries,
    ReportData,
    collect_report_data,
    terminal_table,
    write_report,
)
from tracewright.pipeline.store import Store
from tracewright.schemas import ReleaseManifest


@task(name="report", cache_policy=NO_CACHE)
def report(
    out: Path,
    *,
    counts: GenerationCounts,
    evaluation: Evaluation,
    release: Path,
    manifest: ReleaseManifest,
    students: DemoStudents,
    seconds: float,
) -> dict[str, Any]:
    """Write `report.html`, print the table, and give the summary."""
    data = collect_report_data(
        Store.open(out / "store"),
        manifest,
        title="From problems to a student",
        made_at=datetime.now(UTC),
        teacher=embedded.NAME,
        seconds=seconds,
        problems=counts.problems,
        tokens_per_second=counts.tokens_per_second or None,
        greedy=AccuracySeries("greedy, held-out problems", level_shares(evaluation)),
        student=make_student_panel(students),
    )
    page = out / "report.html"
    write_report(data, page)
    console.print(terminal_table(data))
    for name, path in (("report", page), ("release", release), ("student", students.quantized.checkpoint)):
        say(f"{name:<11}{path}")
    return summarize(data, students, release, page)


def summarize(data: ReportData, students: DemoStudents, release: Path, page: Path) -> dict[str, Any]:
    """The object that `demo --json` prints."""
    figures = data.confidence.figures if data.confidence else None
    return {
        "traces": data.headline.traces,
        "verified": data.headline.verified,
        "release": str(release),
        "teacher": {"accuracy": measure(students.teacher), "parameters": students.teacher.parameters},
        "student": {
            "accuracy": measure(students.student),
            "parameters": students.student.parameters,
            "checkpoint": str(students.student.checkpoint),
        },
        "quantized": {
            "accuracy": measure(students.quantized),
            "size_ratio": students.size_ratio,
            "checkpoint": str(students.quantized.checkpoint),
        },
        "confidence": {"auroc": figures.auroc if figures else None, "ece": figures.ece if figures else None},
        "report": str(page),
        "seconds": round(data.headline.seconds or 0.0, 1),
    }


def measure(contender: Contender) -> float:
    """The share of the held-out problems that it solves, from 0 to 1."""
    return contender.evaluation.accuracy().share
