"""The data as the template shows it: what is worked out once is worked out here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tracewright.pipeline.report.data import Headline, LevelShare, ModelFigures, StudentPanel
from tracewright.pipeline.report.step_drawing import draw_step_graph
from tracewright.pipeline.report.wording import (
    format_bytes,
    format_count,
    format_seconds,
    format_share,
    shorten,
)
from tracewright.schemas.release import StageCount
from tracewright.schemas.trace import Step, Trace
from tracewright.schemas.verdict import CheckOutcome, Outcome

MAX_STEPS = 40
"""Steps of a trace that are shown; what is left out is counted."""
MAX_STEP_CHARS = 2_000
MAX_QUESTION_CHARS = 1_200
_DOUBTFUL = 0.5
"""Below it a confidence bar has the colour of what is wrong."""
_QUESTION = -1
_MARKS = {CheckOutcome.HOLDS: "✓", CheckOutcome.FAILS: "✗", CheckOutcome.UNCHECKED: "–"}


@dataclass(frozen=True)
class Tile:
    """A number with its name and what to compare it with."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class FunnelRow:
    """One stage: what it kept, and as a share of the first stage's rows for the bar."""

    stage: str
    rows_in: int
    rows_out: int
    kept_share: float | None
    bar_percent: float
    lost_percent: float
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class StepView:
    """One step's card."""

    number: int
    text: str
    confidence: float | None
    bar_percent: float
    is_doubtful: bool
    check: str
    mark: str
    reason: str
    uses: str
    """What it builds on, in words; empty where it is unknown."""
    corrected_by: int | None


@dataclass(frozen=True)
class TraceView:
    """One trace's column."""

    title: str
    question: str
    gold: str | None
    answer: str | None
    outcome: str
    is_right: bool
    verdict_reason: str
    confidence: float | None
    first_failed: int | None
    tokens: int
    steps: tuple[StepView, ...]
    hidden_steps: int
    graph: Markup
    """A drawing of what rests on what; empty where nothing does."""


@dataclass(frozen=True)
class ModelRow:
    """One line of the table of models."""

    name: str
    note: str
    parameters: str
    size: str
    size_note: str
    speed: str
    shares: tuple[tuple[str, str], ...]
    """For each level of the table: the share and its interval."""


def view_tiles(headline: Headline) -> tuple[Tile, ...]:
    """The tiles at the top."""
    traces = headline.traces
    return (
        Tile("Problems", format_count(headline.problems)),
        Tile("Traces", format_count(traces), _per(traces, headline.problems)),
        Tile("Verified", format_count(headline.verified), _of(headline.verified, traces, "of the traces")),
        Tile("Released", format_count(headline.released), _of(headline.released, traces, "of the traces")),
        Tile(
            "Tokens per second",
            format_count(headline.tokens_per_second),
            f"{format_count(headline.tokens)} in all" if headline.tokens else "",
        ),
        Tile("Time", format_seconds(headline.seconds), "from start to report" if headline.seconds else ""),
    )


def view_funnel(stages: Sequence[StageCount]) -> tuple[FunnelRow, ...]:
    """The stages with the lengths of their bars; all are shares of the largest number of rows."""
    widest = max((max(stage.rows_in, stage.rows_out) for stage in stages), default=0)
    return tuple(
        FunnelRow(
            stage=stage.stage,
            rows_in=stage.rows_in,
            rows_out=stage.rows_out,
            kept_share=stage.rows_out / stage.rows_in if stage.rows_in else None,
            bar_percent=_percent(stage.rows_out, widest),
            lost_percent=_percent(max(0, stage.rows_in - stage.rows_out), widest),
            reasons=tuple(sorted(stage.reasons.items(), key=lambda item: (-item[1], item[0]))),
        )
        for stage in stages
    )


def view_trace(title: str, trace: Trace) -> TraceView:
    """A trace's column, cut to what a page can show."""
    return TraceView(
        title=title,
        question=shorten(trace.problem.question, MAX_QUESTION_CHARS),
        gold=trace.problem.answer,
        answer=trace.answer,
        outcome=trace.verdict.outcome.value,
        is_right=trace.verdict.outcome is Outcome.CORRECT,
        verdict_reason=trace.verdict.reason,
        confidence=trace.confidence,
        first_failed=None if trace.first_failed_step is None else trace.first_failed_step + 1,
        tokens=trace.token_count,
        steps=tuple(_view_step(index, step) for index, step in enumerate(trace.steps[:MAX_STEPS])),
        hidden_steps=max(0, len(trace.steps) - MAX_STEPS),
        graph=Markup(draw_step_graph(trace.problem.question, [step.text for step in trace.steps[:MAX_STEPS]])),  # noqa: S704 - numbers alone
    )


def view_model_table(student: StudentPanel) -> tuple[ModelRow, ...]:
    """The table of models: sizes are compared with the first one."""
    levels = sorted({level.level for model in student.models for level in model.accuracy})
    return tuple(_view_model(model, student.models[0], levels) for model in student.models)


def _view_model(model: ModelFigures, first: ModelFigures, levels: Sequence[int]) -> ModelRow:
    by_level = {share.level: share for share in model.accuracy}
    return ModelRow(
        name=model.name,
        note=model.note,
        parameters=format_count(model.parameters),
        size=format_bytes(model.tensor_bytes),
        size_note=_of(model.tensor_bytes, first.tensor_bytes, f"of the {first.name}'s") if model is not first else "",
        speed=format_count(model.tokens_per_second),
        shares=tuple(_view_share(by_level.get(level)) for level in levels),
    )


def _view_share(share: LevelShare | None) -> tuple[str, str]:
    if share is None or not share.count:
        return format_share(None), ""
    low, high = share.interval
    return format_share(share.share), f"{low * 100:.0f}–{high * 100:.0f}"


def _view_step(index: int, step: Step) -> StepView:
    confidence = step.confidence
    return StepView(
        number=index + 1,
        text=shorten(step.text.strip("\n"), MAX_STEP_CHARS),
        confidence=confidence,
        bar_percent=round((confidence or 0.0) * 100, 2),
        is_doubtful=confidence is not None and confidence < _DOUBTFUL,
        check=step.check.outcome.value,
        mark=_MARKS[step.check.outcome],
        reason=shorten(step.check.reason, MAX_STEP_CHARS),
        uses=_name_uses(step.depends_on),
        corrected_by=None if step.corrected_by is None else step.corrected_by + 1,
    )


def _name_uses(depends_on: Sequence[int]) -> str:
    steps = [str(use + 1) for use in depends_on if use != _QUESTION]
    names = ["question"] if _QUESTION in depends_on else []
    if steps:
        names.append(f"step{'s' if len(steps) > 1 else ''} {', '.join(steps)}")
    return ", ".join(names)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 3) if whole else 0.0


def _of(part: int | None, whole: int | None, words: str) -> str:
    return f"{format_share(part / whole)} {words}" if part is not None and whole else ""


def _per(traces: int | None, problems: int | None) -> str:
    return f"{traces / problems:.2g} a problem" if traces and problems else ""
