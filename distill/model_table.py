"""What several models can do, side by side: solved problems with intervals, speed, latency, memory and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError

from tracewright.distill.answer_quality import describe_answers
from tracewright.distill.evaluation import Evaluation, compare_paired, estimate_pass_at, pass_at_1_interval
from tracewright.distill.export.runtimes import Runtime, choose_runtime, measure_files
from tracewright.distill.manifest import write_whole
from tracewright.schemas.base import Frozen

VERSIONS, TABLE = "versions.json", "versions.md"
_PASS_AT = (1, 2, 4, 8, 16, 32, 64, 128)
COLUMNS = (
    "model",
    "runtime",
    "solved, %",
    "against the first",
    "tok/s",
    "p50, ms",
    "p95, ms",
    "file, kB",
    "memory, MiB",
)


@dataclass(frozen=True)
class Asked:
    """A model, what ran it, and its answers."""

    name: str
    model: Path
    runtime: Runtime
    evaluation: Evaluation

    @classmethod
    def of(cls, name: str, model: Path, runtime: Runtime, evaluation: Evaluation) -> Self:
        """`runtime` is that of checkpoints; exported files have one of their own."""
        return cls(name, model, choose_runtime(model, runtime), evaluation)


class VersionsReport(Frozen):
    """The versions of one student, asked the same problems; the first is the student itself."""

    format: Literal["tracewright-versions/1"] = "tracewright-versions/1"
    key: str
    """Hash of what decides it: weights, versions, problems."""
    models: tuple[dict[str, Any], ...]
    """As `summarize` gives them, with a `name`."""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Of the table."""
        return [format_row(model["name"], model) for model in self.models]


def summarize(asked: Asked, samples: int, first: Asked | None = None) -> dict[str, Any]:
    """One model's figures; `first` is the model that it is compared with, asked the same problems."""
    evaluation = asked.evaluation
    ks = [k for k in _PASS_AT if k < samples] + [samples]
    figures: dict[str, Any] = {
        "checkpoint": str(asked.model),
        "runtime": asked.runtime.value,
        "problems": len(evaluation.answers) // samples,
        "samples": samples,
        "pass@1": evaluation.accuracy().share,
        "interval": list(pass_at_1_interval(evaluation, samples)),
        "pass@k": {str(k): estimate_pass_at(evaluation, samples, k) for k in ks},
        "levels": {
            str(level): {"pass@1": (part := evaluation.of_level(level)).accuracy().share}
            | {"interval": list(pass_at_1_interval(part, samples)), "problems": len(part.answers) // samples}
            for level in evaluation.levels
        },
        "tokens": evaluation.tokens,
        "tokens_per_second": evaluation.tokens_per_second,
        "latency_seconds": {"p50": evaluation.latency(0.5), "p95": evaluation.latency(0.95)},
        "cut_off": sum(not answer.finished for answer in evaluation.answers),
        "file_bytes": measure_files(asked.model),
        "memory_bytes": evaluation.memory_bytes,
        **describe_answers(evaluation, samples),
    }
    if first is not None and first is not asked and samples == 1:
        change = compare_paired(evaluation, first.evaluation)
        figures["against_first"] = {"points": change.points, "interval": [change.low, change.high]}
    return figures


def format_row(name: str, summary: dict[str, Any]) -> tuple[str, ...]:
    """A model's row of `COLUMNS`."""
    low, high = summary["interval"]
    latency, change = summary["latency_seconds"], summary.get("against_first")
    return (
        name,
        summary["runtime"],
        f"{100 * summary['pass@1']:.1f} ({100 * low:.1f}–{100 * high:.1f})",
        f"{change['points']:+.1f} ({change['interval'][0]:+.1f} to {change['interval'][1]:+.1f})" if change else "",
        f"{summary['tokens_per_second']:,.0f}",
        f"{1000 * latency['p50']:,.0f}",
        f"{1000 * latency['p95']:,.0f}",
        f"{summary['file_bytes'] / 1000:,.0f}",
        f"{(summary['memory_bytes'] or 0) / 2**20:,.0f}",
    )


def make_report(key: str, asked: Sequence[Asked]) -> VersionsReport:
    """Every model compared with the first."""
    return VersionsReport(key=key, models=tuple({"name": one.name, **summarize(one, 1, asked[0])} for one in asked))


def load_versions(out: Path, key: str) -> VersionsReport | None:
    """The finished table; None where there is none of these models and problems."""
    path = out / VERSIONS
    try:
        found = VersionsReport.model_validate_json(path.read_bytes()) if path.exists() else None
    except ValidationError:
        return None
    return found if found and found.key == key else None


def write_versions(out: Path, report: VersionsReport) -> None:
    """`versions.md` and, last, `versions.json`."""
    head = "# Versions of the student\n\nAll were asked the same problems; intervals are of 95 %, changes are paired.\n"
    note = "\nvLLM is asked all problems at once, other programs one after another: compare speeds within a kind.\n"
    (out / TABLE).write_text(f"{head}\n{format_markdown(report.rows)}{note}", encoding="utf-8")
    write_whole(out / VERSIONS, report)


def format_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The table as Markdown."""
    lines = [COLUMNS, ("---", "---", *["---:"] * (len(COLUMNS) - 2)), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
