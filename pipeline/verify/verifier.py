"""The cascade: from the text of a completion to a verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tracewright.pipeline.verify.amounts import read_amount
from tracewright.pipeline.verify.clean import clean_answer, strip_delimiters
from tracewright.pipeline.verify.extract import Extraction, extract_mathematics
from tracewright.pipeline.verify.limits import MAX_COMPLETION_CHARS
from tracewright.pipeline.verify.policy import DEFAULT_POLICY, Policy
from tracewright.pipeline.verify.thinking import strip_thinking
from tracewright.schemas.problem import AnswerKind
from tracewright.schemas.verdict import Outcome, Verdict

DEFAULT_TIMEOUT_SECONDS = 5.0
VERIFIER_VERSION = "1.0.0"
"""Kept with every verdict; a new one means that some verdicts may change."""


def extract_answer(text: str, kind: AnswerKind | str = AnswerKind.MATH) -> Extraction | None:
    """The answer that a completion gives and what marked it; None where it gives none. Thinking is not looked at."""
    shown = strip_thinking(text)
    return extract_mathematics(shown) if shown is not None else None


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
    findings = [_compare(g, completion, policy or DEFAULT_POLICY, truncated) for g in (gold, *accepted_answers)]
    outcome, method, reason = next((found for found in findings if found[0] is Outcome.CORRECT), findings[0])
    return Verdict(outcome=outcome, method=method, reason=reason, seconds=time.perf_counter() - started)


def _compare(gold: str, completion: str, policy: Policy, truncated: bool) -> tuple[Outcome, str, str]:
    if truncated:
        return Outcome.UNVERIFIABLE, "extraction", "the completion was cut by the token limit"
    if len(completion) > MAX_COMPLETION_CHARS:
        return Outcome.ERROR, "extraction", f"the completion is longer than {MAX_COMPLETION_CHARS} characters"
    wanted, given = extract_answer(gold), extract_answer(completion)
    if wanted is None:
        return Outcome.UNVERIFIABLE, "extraction", "there is no gold answer to compare with"
    if given is None:
        return Outcome.UNVERIFIABLE, "extraction", "the completion gives no answer"
    left, right = strip_delimiters(clean_answer(wanted.text)), strip_delimiters(clean_answer(given.text))
    if left == right:
        return Outcome.CORRECT, "exact", f"the answer is the gold answer as written: {left}"
    a, b = read_amount(left), read_amount(right)
    if a is None or b is None:
        return Outcome.UNVERIFIABLE, "text", f"{right!r} can't be compared with {left!r}"
    if a.value == b.value:
        return Outcome.CORRECT, "rational", f"{right} is {left} exactly"
    return Outcome.INCORRECT, "rational", f"{right} is not {left}"
