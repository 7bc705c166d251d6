"""One verification from case to verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tracewright.pipeline.verify.cascade import Decision, compare, decide, extract_answer, refuse
from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.policy import DEFAULT_POLICY, Policy
from tracewright.schemas.problem import AnswerKind
from tracewright.schemas.verdict import Outcome, Verdict

DEFAULT_TIMEOUT_SECONDS = 2.0
VERIFIER_VERSION = "1.0.0"
"""Kept with every verdict; a new one means that some verdicts may change."""

__all__ = ["DEFAULT_TIMEOUT_SECONDS", "VERIFIER_VERSION", "extract_answer", "verify_answer"]


def verify_answer(
    gold: str,
    completion: str,
    *,
    kind: AnswerKind | str = AnswerKind.MATH,
    policy: Policy | None = None,
    choices: Sequence[str] = (),
    accepted_answers: Sequence[str] = (),
    truncated: bool = False,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
) -> Verdict:
    """Whether a completion's answer is the gold answer, or one of `accepted_answers`, with the reason in a sentence."""
    started = time.perf_counter()
    case = AnswerCase(
        gold=gold,
        prediction=completion,
        kind=AnswerKind(kind),
        policy=policy or DEFAULT_POLICY,
        choices=tuple(choices),
        accepted_answers=tuple(accepted_answers),
        truncated=truncated,
    )
    decision = refuse(case) or _decide(case)
    return Verdict(
        outcome=decision.outcome, method=decision.method, reason=decision.reason, seconds=time.perf_counter() - started
    )


def _decide(case: AnswerCase) -> Decision:
    decisions: list[Decision] = []
    for gold in (case.gold, *case.accepted_answers):
        compared = compare(gold, case)
        decision = compared if isinstance(compared, Decision) else decide(compared)
        if decision.outcome is Outcome.CORRECT:
            return decision
        decisions.append(decision)
    return decisions[0]
