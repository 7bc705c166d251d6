"""What a store and a release can tell a report; the flow adds what only it has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import polars as pl

from tracewright.pipeline.confidence import Calibration, find_calibration
from tracewright.pipeline.filter import Comparison, Operator
from tracewright.pipeline.release.tally import Tally
from tracewright.pipeline.report.confidence_panel import make_confidence_panel
from tracewright.pipeline.report.data import (
    AccuracySeries,
    ConfidencePanel,
    Headline,
    LevelShare,
    RejectionGroup,
    ReportData,
    StudentPanel,
)
from tracewright.pipeline.report.rates import measure_rates
from tracewright.pipeline.report.wording import shorten
from tracewright.pipeline.store import Store
from tracewright.schemas.release import ReleaseManifest, StageCount
from tracewright.schemas.teacher import TeacherRef
from tracewright.schemas.trace import Trace
from tracewright.schemas.verdict import Outcome

CALIBRATION_FOLDER = "calibration"
SHOWN_STEPS = 4
"""The traces that are shown have about as many steps: enough to see something, few enough to read."""
_MAX_ROW_CHARS = 1_000
_VERIFIED = (Outcome.CORRECT.value, Outcome.INCORRECT.value)
_STEP_COLUMNS = ("steps", "teacher", "verdict")


def collect_report_data(
    store: Store,
    manifest: ReleaseManifest | None = None,
    *,
    title: str,
    made_at: datetime,
    teacher: str | None = None,
    version: int | None = None,
    seconds: float | None = None,
    tokens_per_second: float | None = None,
    problems: int | None = None,
    greedy: AccuracySeries | None = None,
    student: StudentPanel | None = None,
    facts: tuple[tuple[str, str], ...] = (),
) -> ReportData:
    """The report of one version of a store, and of a release of it.

    Reads the scalar columns of the whole store, then its steps a shard at a time, then two whole traces.

    Args:
        store: where the traces are.
        manifest: the release's, for the funnel and the number of rows; None where nothing was released.
        title: the page's heading.
        made_at: the moment that the page states.
        teacher: its name for people; None takes it from the traces.
        version: of the store; None is the manifest's, or the newest.
        seconds: wall time of the whole run.
        tokens_per_second: as the engine's caller measured it; None takes it from the times in the store.
        problems: how many were read; None counts those that have a trace.
        greedy: accuracy on held-out problems, greedy, to be drawn beside the sampled traces'.
        student: the comparison of models.
        facts: further names and values for the last section, before those from the store.
    """
    if version is None:
        version = manifest.store_version if manifest else store.version()
    frame = store.frame(version)
    refs = _find_teachers(store, frame, version)
    rates, measured = measure_rates(frame)
    confidence, reason = _collect_confidence(store, frame, version, refs)
    return ReportData(
        title=title,
        made_at=made_at,
        teacher=teacher or ", ".join(dict.fromkeys(ref.model for ref in refs)) or "none",
        headline=Headline(
            problems=_count_problems(frame) if problems is None else problems,
            traces=frame.height,
            verified=_count_correct(frame),
            released=manifest.rows if manifest else None,
            tokens=int(frame["tokens"].sum()),
            tokens_per_second=measured if tokens_per_second is None else tokens_per_second,
            seconds=seconds,
        ),
        funnel=manifest.funnel if manifest else (_count_generated(frame),),
        confidence=confidence,
        confidence_reason=reason,
        accuracy=tuple(_series(greedy, frame)),
        throughput=rates,
        right_trace=_find_trace(store, version, _pick_right(frame)),
        wrong_trace=_find_trace(store, version, _pick_wrong(frame)),
        rejections=_group_rejections(store),
        student=student,
        facts=(*facts, *_list_facts(frame, manifest, version, refs)),
    )


def _count_problems(frame: pl.DataFrame) -> int:
    return frame.select("source", "problem_id", "question_hash").n_unique()


def _count_correct(frame: pl.DataFrame) -> int:
    return int((frame["outcome"] == Outcome.CORRECT.value).sum())


def _count_generated(frame: pl.DataFrame) -> StageCount:
    return StageCount(stage="generate", rows_in=frame.height, rows_out=frame.height)


def _series(greedy: AccuracySeries | None, frame: pl.DataFrame) -> Iterator[AccuracySeries]:
    """Greedy first, where it was measured; then the store's traces, those that could be verified."""
    if greedy:
        yield greedy
    verified = frame.filter(pl.col("level").is_not_null() & pl.col("outcome").cast(pl.String).is_in(_VERIFIED))
    right = (pl.col("outcome") == Outcome.CORRECT.value).sum().alias("right")
    counted = verified.group_by("level").agg(right, pl.len().alias("count")).sort("level")
    levels = tuple(LevelShare(**row) for row in counted.iter_rows(named=True))
    if levels:
        yield AccuracySeries(_name_sampling(verified), levels)


def _name_sampling(frame: pl.DataFrame) -> str:
    temperatures = frame["temperature"].unique().sort().to_list()
    return f"sampled, temperature {temperatures[0]:g}" if len(temperatures) == 1 else "sampled"


def _collect_confidence(
    store: Store, frame: pl.DataFrame, version: int, refs: list[TeacherRef]
) -> tuple[ConfidencePanel | None, str | None]:
    """The panel over all checked steps of the store, released or not; or None and why."""
    versions = [name for name in frame["calibration_version"].cast(pl.String).unique().sort() if name is not None]
    if not versions:
        return None, "the traces were made without a calibration"
    tally = Tally()
    for table in store.iter_tables(version, _STEP_COLUMNS):
        tally.observe_source(table)
    confidences, rights = tally.checked_steps(frame["fingerprint"].cast(pl.String).unique().to_list())
    panel = make_confidence_panel(confidences, rights, ", ".join(versions), _find_used(store, refs, versions))
    return panel, None if panel else "no step of known truth has a confidence"


def _find_used(store: Store, refs: Iterable[TeacherRef], versions: list[str]) -> Calibration | None:
    """The calibration that all confidences come from, where it is one and the store has it."""
    found = [find_calibration(store.path / CALIBRATION_FOLDER, ref) for ref in refs]
    used = {one.version: one for one in found if one and one.version in versions}
    return next(iter(used.values())) if len(used) == len(versions) == 1 else None


def _find_teachers(store: Store, frame: pl.DataFrame, version: int) -> list[TeacherRef]:
    firsts = frame.group_by("fingerprint").agg(pl.col("trace_id").min()).sort("trace_id")["trace_id"]
    traces = (_find_trace(store, version, trace_id) for trace_id in firsts)
    return [trace.teacher for trace in traces if trace]


def _pick_right(frame: pl.DataFrame) -> str | None:
    return _pick(frame.filter((pl.col("outcome") == Outcome.CORRECT.value) & (pl.col("failed_steps") == 0)))


def _pick_wrong(frame: pl.DataFrame) -> str | None:
    """One whose first mistake has a right step before it, where there is one."""
    wrong = frame.filter(pl.col("outcome") == Outcome.INCORRECT.value)
    for choice in (wrong.filter(pl.col("first_failed_step") > 0), wrong.filter(pl.col("failed_steps") > 0), wrong):
        if choice.height:
            return _pick(choice)
    return None


def _pick(frame: pl.DataFrame) -> str | None:
    """The trace with about `SHOWN_STEPS` steps; of these the one with the lowest id, so that nobody chooses."""
    distance = (pl.col("step_count") - SHOWN_STEPS).abs().alias("distance")
    ordered = frame.select("trace_id", distance).sort("distance", "trace_id")
    return ordered["trace_id"][0] if ordered.height else None


def _find_trace(store: Store, version: int, trace_id: str | None) -> Trace | None:
    if trace_id is None:
        return None
    where = Comparison("trace_id", Operator.EQUAL, trace_id)
    return next(store.iter_traces(version, where), None)


def _group_rejections(store: Store) -> tuple[RejectionGroup, ...]:
    """Rejected rows and unfinished attempts by stage and reason, each with its first row as the example."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], tuple[str, str]] = {}
    for stage, reason, example, row in _iter_refused(store):
        counts[stage, reason] += 1
        examples.setdefault((stage, reason), (example, shorten(row, _MAX_ROW_CHARS)))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(RejectionGroup(*key, count, *examples[key]) for key, count in ordered)


def _iter_refused(store: Store) -> Iterator[tuple[str, str, str, str]]:
    for rejection in store.rejections():
        yield rejection.stage, rejection.reason, rejection.subject, rejection.row
    for attempt in store.attempts():
        yield "generate", f"{attempt.kind.value}: {attempt.reason}", attempt.problem.id, attempt.text


def _list_facts(
    frame: pl.DataFrame, manifest: ReleaseManifest | None, version: int, refs: list[TeacherRef]
) -> Iterator[tuple[str, str]]:
    if manifest:
        yield "Release", f"{manifest.name}@{manifest.version}"
        yield "Chosen by", manifest.where or (f"slice {manifest.slice}" if manifest.slice else "everything")
    yield "Store version", str(version)
    for ref in refs:
        yield "Teacher", f"{ref.model}@{ref.revision}, fingerprint {ref.fingerprint}"
        yield (
            "Sampling",
            f"temperature {ref.sampling.temperature:g}, top-p {ref.sampling.top_p:g}, seed {ref.sampling.seed}",
        )
    for name, column in (("Engine", "engine"), ("Verifier", "verifier_version"), ("Checker", "checker_version")):
        yield name, ", ".join(str(value) for value in frame[column].cast(pl.String).unique().sort())
    yield "Calibration", ", ".join(frame["calibration_version"].cast(pl.String).drop_nulls().unique().sort()) or "none"
