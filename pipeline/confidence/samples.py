"""The steps that a calibration is fitted on: signals, lengths and truth by trace, and which fold each problem is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracewright.pipeline.confidence.features import Rollout, build_features, has_top
from tracewright.pipeline.confidence.truth import step_truth
from tracewright.schemas.ids import hash_content, hash_to_unit
from tracewright.schemas.trace import Signals, Trace

FOLDS = 5
MIN_STEPS = 200
"""Fewer steps of known truth than this give no calibration."""
MIN_OF_A_KIND = 25
"""At least so many right and so many wrong ones: with fewer, a 95 % interval of the wrong share spans a factor of 2."""
MIN_PROBLEMS_OF_A_KIND = 10
"""Right and wrong steps must each come from so many problems, or a fold would be one problem's habits."""
MAX_FIT_STEPS = 200_000
"""More steps than this are thinned by problem: the figures' third digit no longer moves, time and memory do."""


@dataclass(frozen=True)
class TraceSample:
    """What fitting needs of a trace; the tuples have one entry for each step."""

    problem_id: str
    signals: tuple[Signals | None, ...]
    chars: tuple[int, ...]
    rights: tuple[bool | None, ...]
    checker_version: str = ""
    """Of the checks that the truth comes from."""
    rollouts: tuple[Rollout | None, ...] | None = None
    """None where the trace was not rolled out."""


@dataclass(frozen=True)
class NotEnoughData:
    """Why there is no calibration: a reason instead of an invented number."""

    reason: str
    steps: int
    wrong: int
    problems: int


@dataclass(frozen=True)
class StepTable:
    """The S steps whose truth is known, of all traces."""

    features: npt.NDArray[np.float64]
    """S × F."""
    rights: npt.NDArray[np.bool_]
    problems: npt.NDArray[np.int64]
    """For each step the number of its problem."""
    folds: npt.NDArray[np.int64]
    """For each step 0 to FOLDS − 1; all steps of a problem are in one fold."""
    with_top: bool
    with_rollouts: bool
    traces: int
    checker_version: str


def sample_trace(trace: Trace, rollouts: Sequence[Rollout | None] | None = None) -> TraceSample:
    """What fitting needs of a scored and checked trace, and of its rollouts where it has some."""
    return TraceSample(
        problem_id=trace.problem.content_id,
        signals=tuple(step.signals for step in trace.steps),
        chars=tuple(len(step.text) for step in trace.steps),
        rights=tuple(step_truth(trace.steps, trace.verdict.outcome)),
        checker_version=trace.checker_version,
        rollouts=None if rollouts is None else tuple(rollouts),
    )


def build_table(samples: Sequence[TraceSample]) -> StepTable | NotEnoughData:
    """The steps of known truth as arrays, in a deterministic order, or why they are too few.

    What a top-k gives is used where every step has it, and rollouts where every trace has some.
    """
    samples = sorted(_thin(samples), key=_order)
    known = [signals for sample in samples for signals in sample.signals if signals is not None]
    with_top = bool(known) and all(map(has_top, known))
    with_rollouts = bool(samples) and all(sample.rollouts is not None for sample in samples)
    parts: list[npt.NDArray[np.float64]] = []
    rights: list[bool] = []
    problems: list[str] = []
    for sample in samples:
        rollouts = sample.rollouts if with_rollouts else None
        features, steps = build_features(sample.signals, sample.chars, with_top, rollouts)
        rows = [row for row, step in enumerate(steps) if sample.rights[step] is not None]
        parts.append(features[rows])
        rights += [bool(sample.rights[steps[row]]) for row in rows]
        problems += [sample.problem_id] * len(rows)
    labels = np.array(rights, dtype=np.bool_)
    names, numbers = np.unique(np.array(problems, dtype=np.str_), return_inverse=True)
    too_few = _find_lack(labels, numbers)
    if too_few:
        return NotEnoughData(too_few, len(labels), int((~labels).sum()), len(names))
    folds = _assign_folds([str(name) for name in names], set(numbers[~labels].tolist()))
    return StepTable(
        np.concatenate(parts),
        labels,
        numbers,
        folds[numbers],
        with_top,
        with_rollouts,
        len(samples),
        ", ".join(sorted({sample.checker_version for sample in samples})),
    )


def is_sampled(problem_id: str, share: float) -> bool:
    """Whether a problem belongs to such a share of all: the same ones every time, and more with a larger share."""
    return hash_to_unit("calibrate", problem_id) < share


def find_lack(rights: Sequence[bool]) -> str | None:
    """Why these steps of known truth are too few to say anything about confidence; None where they are enough."""
    right = sum(rights)
    wrong = len(rights) - right
    if len(rights) < MIN_STEPS:
        return f"{len(rights)} steps of known truth, {MIN_STEPS} are needed"
    if min(right, wrong) < MIN_OF_A_KIND:
        return f"{right} right and {wrong} wrong steps of known truth, {MIN_OF_A_KIND} of each are needed"
    return None


def _find_lack(rights: npt.NDArray[np.bool_], problems: npt.NDArray[np.int64]) -> str | None:
    for word, kind in (("right", rights), ("wrong", ~rights)):
        count = len(np.unique(problems[kind]))
        if find_lack(rights.tolist()) is None and count < MIN_PROBLEMS_OF_A_KIND:
            return f"the {word} steps come from {count} problems, {MIN_PROBLEMS_OF_A_KIND} are needed"
    return find_lack(rights.tolist())


def _order(sample: TraceSample) -> tuple[object, ...]:
    """By content: sums come out the same to the last digit, so the same traces give the same version of a calibration
    however they are stored."""
    means = tuple(0.0 if signals is None else signals.mean_logprob for signals in sample.signals)
    return sample.problem_id, sample.chars, means, tuple(map(str, sample.rights))


def _thin(samples: Sequence[TraceSample]) -> Sequence[TraceSample]:
    total = sum(right is not None for sample in samples for right in sample.rights)
    if total <= MAX_FIT_STEPS:
        return samples
    return [sample for sample in samples if is_sampled(sample.problem_id, MAX_FIT_STEPS / total)]


def _assign_folds(names: list[str], with_wrong: set[int]) -> npt.NDArray[np.int64]:
    """A fold for each problem: by content hash in turn, problems with a wrong step spread evenly."""
    order = sorted(range(len(names)), key=lambda number: (number in with_wrong, hash_content("fold", names[number])))
    folds = np.empty(len(names), dtype=np.int64)
    folds[order] = np.arange(len(names)) % FOLDS
    return folds
