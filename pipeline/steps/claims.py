"""A claim with its outcome, and a step's check made of its claims."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from tracewright.pipeline.steps.chains import Comparison
from tracewright.pipeline.steps.values import format_number
from tracewright.schemas import CheckOutcome, Span, StepCheck

_MAX_REASON_CHARACTERS = 300
_MAX_QUOTE_CHARACTERS = 100


class Claim(NamedTuple):
    """One relation between two neighbours of a chain; `start` and `end` are its place in the step's text."""

    text: str
    start: int
    end: int
    outcome: CheckOutcome
    reason: str
    subject: str = ""
    """The left side: what the claim is about."""

    @property
    def span(self) -> Span:
        """The claim's place in the step's text."""
        return Span(start=self.start, end=self.end)


class Finding(NamedTuple):
    """What was found out about one step."""

    check: StepCheck
    depends_on: tuple[int, ...]
    claims: tuple[Claim, ...]


def make_claim(text: str, start: int, end: int, sides: tuple[str, str, str], comparison: Comparison) -> Claim:
    """The claim in `text[start:end]`; `sides` are the left side, the relation and the right side as written."""
    outcome = comparison.outcome
    reason = "holds" if outcome is CheckOutcome.HOLDS else _explain(sides, comparison)
    return Claim(text[start:end], start, end, outcome, reason, "".join(sides[0].split()))


def summarize(claims: Sequence[Claim]) -> StepCheck:
    """The step's check: it fails with its first failing claim, holds when a claim was checked and none failed."""
    checked = 0
    for claim in claims:
        if claim.outcome is CheckOutcome.FAILS:
            count = sum(c.outcome is not CheckOutcome.UNCHECKED for c in claims)
            return StepCheck(outcome=CheckOutcome.FAILS, reason=claim.reason, claims=count)
        checked += claim.outcome is CheckOutcome.HOLDS
    if checked or not claims:
        return count_holding(checked)
    return StepCheck(outcome=CheckOutcome.UNCHECKED, reason=claims[0].reason)


@cache
def count_holding(count: int) -> StepCheck:
    """The check of a step of which so many claims hold and none fails; made once, as most steps have the same."""
    if not count:
        return StepCheck(outcome=CheckOutcome.UNCHECKED, reason="the step states nothing that can be checked")
    reason = "1 claim holds" if count == 1 else f"{count} claims hold"
    return StepCheck(outcome=CheckOutcome.HOLDS, reason=reason, claims=count)


def quote(text: str) -> str:
    """A piece of a step for a reason: on one line, and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= _MAX_QUOTE_CHARACTERS else text[: _MAX_QUOTE_CHARACTERS - 1] + "…"


def _explain(sides: tuple[str, str, str], comparison: Comparison) -> str:
    left, relation, right = quote(sides[0]), sides[1], quote(sides[2])
    claim = f"{left} {relation} {right}"
    if comparison.left is None or comparison.right is None:
        return f"{claim}: {comparison.note}"[:_MAX_REASON_CHARACTERS]
    first, second = format_number(comparison.left), format_number(comparison.right)
    found = f"{claim}: the left side is {first}, the right side is {second}"
    return (f"{found} ({comparison.note})" if comparison.note else found)[:_MAX_REASON_CHARACTERS]
