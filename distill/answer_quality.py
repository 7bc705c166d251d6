"""What answers are like beside right or wrong: do their steps hold, how long are they, does their agreement tell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tracewright.distill.evaluation import Answered, Evaluation
from tracewright.pipeline.confidence.metrics import (
    auroc,
    brier_score,
    expected_calibration_error,
    reliability_curve,
    wilson_interval,
)
from tracewright.pipeline.steps import check_steps, segment
from tracewright.pipeline.verify import extract_answer
from tracewright.schemas import CheckOutcome


def describe_answers(evaluation: Evaluation, samples: int) -> dict[str, Any]:
    """Steps, lengths and calibration, for JSON. Calibration is null where each problem was asked once."""
    return {
        "steps": measure_steps(evaluation.answers),
        "answer_tokens": _measure_lengths(evaluation.answers),
        "calibration": measure_calibration(evaluation.answers, samples) if samples > 1 else None,
    }


def measure_steps(answers: Sequence[Answered]) -> dict[str, Any]:
    """How many steps a check could judge, the share of those that hold, and the share of answers with judged steps in
    which none fails, with its 95 % interval: steps of one answer are not independent."""
    judged = [_judge_steps(answer) for answer in answers]
    checked = [one for one in judged if one[1]]
    sound = sum(holding == among for _, among, holding in checked)
    among = sum(one[1] for one in judged)
    return {
        "steps": sum(one[0] for one in judged),
        "checked": among,
        "hold": sum(one[2] for one in judged) / among if among else None,
        "answers_without_failed_step": sound / len(checked) if checked else None,
        "interval": list(wilson_interval(sound, len(checked))) if checked else None,
    }


def measure_calibration(answers: Sequence[Answered], samples: int) -> dict[str, Any]:
    """Whether an answer that so many of a problem's samples agree on is right so often: their share as a confidence
    (self-consistency, Wang et al. 2022, arXiv:2203.11171)."""
    votes = [_vote(answers[start : start + samples]) for start in range(0, len(answers), samples)]
    shares, rights = [share for share, _ in votes], [right for _, right in votes]
    return {
        "ece": expected_calibration_error(shares, rights),
        "brier": brier_score(shares, rights),
        "auroc": auroc(shares, rights),
        "voted_right": sum(rights) / len(rights),
        "curve": [vars(point) for point in reliability_curve(shares, rights)],
    }


def _judge_steps(answer: Answered) -> tuple[int, int, int]:
    """Of one answer: its steps, those that were judged, those that hold."""
    steps = [answer.text[span.start : span.end] for span in segment(answer.text)]
    outcomes = [one.check.outcome for one in check_steps(answer.problem.question, steps)]
    judged = [one for one in outcomes if one is not CheckOutcome.UNCHECKED]
    return len(steps), len(judged), sum(one is CheckOutcome.HOLDS for one in judged)


def _vote(answers: Sequence[Answered]) -> tuple[float, bool]:
    """The share of a problem's samples that agree with most others, and whether they are right. Samples without an
    answer agree with nobody."""
    groups: defaultdict[str, list[Answered]] = defaultdict(list)
    for answer in answers:
        found = extract_answer(answer.text, answer.problem.answer_kind) if answer.finished else None
        if found is not None:
            groups[found.text.strip()].append(answer)
    chosen = max(groups.values(), key=len, default=[])
    return len(chosen) / len(answers), any(answer.correct for answer in chosen)


def _measure_lengths(answers: Sequence[Answered]) -> dict[str, float]:
    ordered = sorted(answer.tokens for answer in answers) or [0]

    def within(share: float) -> int:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return {"mean": sum(ordered) / len(ordered), "p50": within(0.5), "p95": within(0.95)}
