"""One trace, or row, and the installed versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracewright.pipeline.confidence import Calibration, Rollout, trace_confidence
from tracewright.pipeline.scoring import LACKS_INPUTS, NO_CALIBRATION, NO_LOGPROBS, judge_answer, score_confidence
from tracewright.pipeline.steps import CHECKER_VERSION, check_steps
from tracewright.pipeline.verify import VERIFIER_VERSION, extract_answer
from tracewright.schemas import Trace

FindRollouts = Callable[[str], Sequence[Rollout | None] | None]
"""From a trace's id to what came of continuing from each of its steps; None where it was not rolled out."""

VERSION_COLUMNS = ("verifier_version", "checker_version", "calibration_version", "confidence_reason")


@dataclass(frozen=True)
class Chosen:
    """What one teacher's steps are scored with."""

    calibration: Calibration | None
    """From signals alone; None: there is none, and `reason` says why."""
    with_rollouts: Calibration | None = None
    """For traces that were rolled out."""
    reason: str = NO_CALIBRATION

    def of(self, rollouts: Sequence[Rollout | None] | None) -> Calibration | None:
        """The calibration for a trace with these rollouts."""
        return self.with_rollouts if rollouts is not None and self.with_rollouts else self.calibration


def is_current(
    versions: tuple[str, str, str | None, str | None], chosen: Chosen, rollouts: Sequence[Rollout | None] | None
) -> bool:
    """Whether a row with these VERSION_COLUMNS is what scoring it anew would give."""
    verifier, checker, version, reason = versions
    if (verifier, checker) != (VERIFIER_VERSION, CHECKER_VERSION):
        return False
    calibration = chosen.of(rollouts)
    if reason == NO_LOGPROBS:
        return version is None
    if calibration is None:
        return (version, reason) == (None, chosen.reason)
    needs_more = calibration.with_top or calibration.with_rollouts
    return (version, reason) == (calibration.version, None) or (reason == LACKS_INPUTS and needs_more)


def check_again(trace: Trace) -> Trace:
    """The trace with the verdict and the checks of the installed versions, each only where it is of another one.

    The steps stay cut as they are: reviews and rollouts know them by their numbers.
    """
    changed = {}
    if trace.verifier_version != VERIFIER_VERSION:
        extraction = extract_answer(trace.text, trace.problem.answer_kind)
        changed["answer"] = extraction.text if extraction else None
        changed["verdict"] = judge_answer(trace.problem, trace.text)
        changed["verifier_version"] = VERIFIER_VERSION
    if trace.checker_version != CHECKER_VERSION:
        found = check_steps(trace.problem.question, [step.text for step in trace.steps])
        changed["steps"] = tuple(
            step.model_copy(update={"check": one.check, "depends_on": one.depends_on, "corrected_by": one.corrected_by})
            for step, one in zip(trace.steps, found, strict=True)
        )
        changed["checker_version"] = CHECKER_VERSION
    return trace.model_copy(update=changed)


def rescore_trace(trace: Trace, chosen: Chosen, rollouts: Sequence[Rollout | None] | None) -> Trace:
    """The trace as the installed versions score it."""
    trace = check_again(trace)
    calibration = chosen.of(rollouts)
    signals, texts = [step.signals for step in trace.steps], [step.text for step in trace.steps]
    confidences, reason = score_confidence(signals, texts, calibration, trace.teacher.family, rollouts)
    return trace.model_copy(
        update={
            "steps": tuple(
                step.model_copy(update={"confidence": value})
                for step, value in zip(trace.steps, confidences, strict=True)
            ),
            "confidence": trace_confidence(confidences),
            "confidence_reason": chosen.reason if reason == NO_CALIBRATION else reason,
            "calibration_version": calibration.version if calibration and not reason else None,
        }
    )
