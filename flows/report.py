"""What the main job shows at its end: a table in the terminal, the HTML report, and the summary for `--json`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tracewright.distill.evaluation import Evaluation
from tracewright.flows.progress import console, say
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.generation import GenerationCounts
from tracewright.pipeline.report import (
    AccuracySeries,
    LevelShare,
    ReportData,
    collect_report_data,
    terminal_table,
    write_report,
)
from tracewright.pipeline.store import Store
from tracewright.schemas import ReleaseManifest

JUDGED_LEVELS = (1, 2)
"""`demo --json` gives accuracies on held-out problems of 1 and 2 operators: what students learn."""


@task(name="report", cache_policy=NO_CACHE)
def report(
    out: Path,
    *,
    counts: GenerationCounts,
    evaluation: Evaluation,
    release: Path,
    manifest: ReleaseManifest,
    parameters: int,
    seconds: float,
) -> dict[str, Any]:
    """Write `report.html`, print the table, and give the summary."""
    data = collect_report_data(
        Store.open(out / "store"),
        manifest,
        title="From problems to a release",
        made_at=datetime.now(UTC),
        teacher=embedded.NAME,
        seconds=seconds,
        problems=counts.problems,
        tokens_per_second=counts.tokens_per_second or None,
        greedy=AccuracySeries("greedy, held-out problems", level_shares(evaluation)),
    )
    page = out / "report.html"
    write_report(data, page)
    console.print(terminal_table(data))
    say(f"report     {page}\nrelease    {release}")
    return summarize(data, evaluation, release, parameters, page)


def level_shares(evaluation: Evaluation) -> tuple[LevelShare, ...]:
    """Accuracy by level, as the report has it."""
    return tuple(
        LevelShare(level, (found := evaluation.accuracy([level])).correct, found.problems)
        for level in evaluation.levels
    )


def summarize(data: ReportData, evaluation: Evaluation, release: Path, parameters: int, page: Path) -> dict[str, Any]:
    """The object that `demo --json` prints."""
    figures = data.confidence.figures if data.confidence else None
    return {
        "traces": data.headline.traces,
        "verified": data.headline.verified,
        "release": str(release),
        "teacher": {"accuracy": evaluation.accuracy(JUDGED_LEVELS).share, "parameters": parameters},
        "confidence": {"auroc": figures.auroc if figures else None, "ece": figures.ece if figures else None},
        "report": str(page),
        "seconds": round(data.headline.seconds or 0.0, 1),
    }
