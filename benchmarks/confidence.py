"""How far the confidence of steps can be trusted: the embedded teacher on held-out problems of 2 to 5 operators.

Problems that are not held out fit the calibration, the single signals it is compared with and the length of their
window; held-out ones, asked eight times each and sampled as in the release, judge them. Intervals are over problems.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tracewright.pipeline.confidence import (
    Calibration,
    NotEnoughData,
    find_calibration,
    fit,
    lowest_window,
    sample_trace,
    step_truth,
    trace_confidence,
    vote,
)
from tracewright.pipeline.confidence.bootstrap import (
    Interval,
    interval_over_problems,
    make_auroc_measure,
    make_brier_measure,
    make_difference,
    make_mean_measure,
)
from tracewright.pipeline.confidence.metrics import (
    auroc,
    brier_score,
    expected_calibration_error,
    reliability_curve,
)
from tracewright.pipeline.confidence.model import fit_platt
from tracewright.pipeline.confidence.trace import Pooling
from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.base import Completion, Request
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.scoring import Task, score_completion
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import EngineError, FinishReason, Outcome, Trace

LEVELS = (2, 3, 4, 5)
FITTING_PROBLEMS = 4000
JUDGED_PROBLEMS = 800
SAMPLES = 8
"""Of each judged problem; a fitting problem is asked once."""
WINDOW_LENGTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
POOLINGS: tuple[Pooling, ...] = ("minimum", "product", "bottom_decile")
_FITTING_SEED, _JUDGED_SEED = 31, 32

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """The steps of known truth of some traces, S rows."""

    rights: npt.NDArray[np.bool_]
    problems: npt.NDArray[np.int64]
    scores: dict[str, Floats]
    """For each way of scoring S numbers that grow with the belief that the step is right."""


def run(seed: int = 0) -> dict[str, Any]:
    """The figures of `bench confidence`: some 30,000 steps, five minutes on two cores."""
    with tempfile.TemporaryDirectory(prefix="tracewright-") as folder:
        config = TeacherConfig(
            engine="embedded",
            max_tokens=embedded.MAX_TOKENS,
            temperature=embedded.TEMPERATURE,
            logprobs=embedded.LOGPROBS,
        )
        with RunningTeacher(config, Path(folder) / "engine.log") as teacher:
            fitting = ask(teacher, FITTING_PROBLEMS, 1, seed + _FITTING_SEED, held_out=False)
            judged = ask(teacher, JUDGED_PROBLEMS, SAMPLES, seed + _JUDGED_SEED, held_out=True)
            family = teacher.ref.family
            shipped = find_calibration(embedded.checkpoint_path() / "calibration", teacher.ref)
    calibration = fit([sample_trace(trace) for trace in fitting], family, datetime.now(UTC))
    if isinstance(calibration, NotEnoughData):
        raise EngineError(f"the embedded teacher's traces can't be calibrated: {calibration.reason}")
    return measure(fitting, judged, calibration, shipped)


def ask(teacher: RunningTeacher, problems: int, samples: int, seed: int, *, held_out: bool) -> list[Trace]:
    """Finished and scored traces of freshly drawn problems, in the order of problem and sample."""
    tasks: dict[str, Task] = {}

    def requests():
        for problem in draw_problems(problems, LEVELS, seed=seed, held_out=held_out):
            for sample in range(samples):
                task = Task(problem, teacher.ref, sample)
                tasks[task.trace_id] = task
                yield Request(task.trace_id, problem.question, seed * 10_000_000 + len(tasks))

    traces = [
        score_completion(tasks[result.key], result, engine=teacher.engine.name, calibration=None)
        for result in teacher.engine.stream(requests())
        if isinstance(result, Completion) and result.finish_reason is FinishReason.STOP
    ]
    return sorted(traces, key=lambda trace: (trace.problem.content_id, trace.sample))


def measure(
    fitting: Sequence[Trace], judged: Sequence[Trace], calibration: Calibration, shipped: Calibration | None
) -> dict[str, Any]:
    """All figures of the judged traces."""
    known, table = collect(fitting, calibration), collect(judged, calibration)
    name, length = choose_window(known)
    baselines = ("mean_logprob", name, "min_logprob", "entropy", "self_certainty")
    ours = table.scores["confidence"]
    ranking = make_auroc_measure(ours, table.rights)
    brier = make_brier_measure(ours, table.rights)
    honest = {one: calibrate(known, table, one) for one in baselines}
    return {
        "auroc": auroc(ours, table.rights),
        "ece": expected_calibration_error(ours, table.rights),
        "brier": brier_score(ours, table.rights),
        "auroc_interval": _pair(interval_over_problems(ranking, table.problems)),
        "brier_interval": _pair(interval_over_problems(brier, table.problems)),
        "steps": len(table.rights),
        "wrong_share": float((~table.rights).mean()),
        "steps_of_unknown_truth": sum(len(trace.steps) for trace in judged) - len(table.rights),
        "problems": len(np.unique(table.problems)),
        "traces": len(judged),
        "window_tokens": length,
        "baselines": {
            label: {"auroc": auroc(table.scores[one], table.rights)}
            | {"ece": expected_calibration_error(honest[one], table.rights)}
            | {"brier": brier_score(honest[one], table.rights)}
            for label, one in zip(("mean_logprob", "lowest_window", *baselines[2:]), baselines, strict=True)
        },
        "gains": {
            label: {
                "auroc": asdict(_gain(ranking, make_auroc_measure(table.scores[one], table.rights), table)),
                "brier": asdict(_gain(make_brier_measure(honest[one], table.rights), brier, table)),
            }
            for label, one in zip(("mean_logprob", "lowest_window"), baselines, strict=False)
        },
        "voting": {pooling: count_votes(judged, calibration, pooling) for pooling in POOLINGS},
        "shipped": None if shipped is None else _measure_shipped(judged, shipped),
        "fitted_on": {"steps": calibration.steps, "problems": calibration.problems, "version": calibration.version},
        "curve": [asdict(point) for point in reliability_curve(ours, table.rights)],
    }


def collect(traces: Sequence[Trace], calibration: Calibration) -> Steps:
    """Every step whose truth is known and that has signals, with what each way of scoring says of it."""
    numbers = {name: number for number, name in enumerate(sorted({trace.problem.content_id for trace in traces}))}
    rights: list[bool] = []
    problems: list[int] = []
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for trace in traces:
        truths = step_truth(trace.steps, trace.verdict.outcome)
        for step, right, confidence in zip(trace.steps, truths, predict(trace, calibration), strict=True):
            if right is None or confidence is None or step.signals is None or step.token_span is None:
                continue
            rights.append(right)
            problems.append(numbers[trace.problem.content_id])
            scores["confidence"].append(confidence)
            scores["mean_logprob"].append(step.signals.mean_logprob)
            scores["min_logprob"].append(step.signals.min_logprob)
            scores["entropy"].append(-(step.signals.entropy or 0.0))
            scores["self_certainty"].append(step.signals.self_certainty or 0.0)
            logprobs = (trace.token_logprobs or ())[step.token_span.start : step.token_span.end]
            for length in WINDOW_LENGTHS:
                scores[f"window_{length}"].append(lowest_window(logprobs, length))
    return Steps(np.array(rights), np.array(problems), {name: np.array(values) for name, values in scores.items()})


def predict(trace: Trace, calibration: Calibration) -> list[float | None]:
    """The confidence of a trace's steps."""
    return calibration.predict([step.signals for step in trace.steps], [len(step.text) for step in trace.steps])


def choose_window(known: Steps) -> tuple[str, int]:
    """The length that ranks the fitting problems' steps best."""
    length = max(WINDOW_LENGTHS, key=lambda one: auroc(known.scores[f"window_{one}"], known.rights) or 0.0)
    return f"window_{length}", length


def calibrate(known: Steps, table: Steps, name: str) -> Floats:
    """A single signal as a probability, by a line fitted on the fitting problems."""
    return fit_platt(known.scores[name], known.rights).probabilities(table.scores[name])


def count_votes(traces: Sequence[Trace], calibration: Calibration, pooling: Pooling) -> dict[str, Any]:
    """Problems that the weighted vote and the majority of their samples get right, with the paired difference; and how
    well the traces' confidence ranks right answers above wrong ones."""
    groups: defaultdict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        groups[trace.problem.content_id].append(trace)
    outcomes = [judge_votes(group, calibration, pooling) for group in groups.values()]
    weighted, majority = (np.array(column, dtype=np.float64) for column in zip(*outcomes, strict=True))
    difference = make_mean_measure(weighted - majority)
    return {
        "weighted": float(weighted.mean()),
        "majority": float(majority.mean()),
        "difference": asdict(interval_over_problems(difference, np.arange(len(outcomes)))),
        "trace_auroc": auroc(
            [trace_confidence(predict(trace, calibration), pooling) or 0.0 for trace in traces],
            [trace.verdict.outcome is Outcome.CORRECT for trace in traces],
        ),
    }


def judge_votes(group: Sequence[Trace], calibration: Calibration, pooling: Pooling) -> tuple[bool, bool]:
    """Whether the weighted vote is right, and whether the majority is."""
    confidences = [trace_confidence(predict(trace, calibration), pooling) for trace in group]
    votes = vote([trace.answer for trace in group], confidences)
    right = {trace.answer for trace in group if trace.verdict.outcome is Outcome.CORRECT}
    return votes.weighted in right, votes.majority in right


def _measure_shipped(judged: Sequence[Trace], shipped: Calibration) -> dict[str, Any]:
    table = collect(judged, shipped)
    ours = table.scores["confidence"]
    return {
        "version": shipped.version,
        "auroc": auroc(ours, table.rights),
        "ece": expected_calibration_error(ours, table.rights),
        "brier": brier_score(ours, table.rights),
    }


def _gain(better: Any, worse: Any, table: Steps) -> Interval:
    return interval_over_problems(make_difference(better, worse), table.problems)


def _pair(interval: Interval) -> list[float]:
    return [interval.low, interval.high]
