"""What is known about a step's truth, for fitting and measuring confidence."""

from __future__ import annotations

from collections.abc import Sequence

from tracewright.schemas.trace import Step
from tracewright.schemas.verdict import CheckOutcome, Outcome

_TRUTH = {CheckOutcome.HOLDS: True, CheckOutcome.FAILS: False, CheckOutcome.UNCHECKED: None}


def step_truth(steps: Sequence[Step], outcome: Outcome) -> list[bool | None]:
    """Whether each step is right: it follows from the question and the steps before it; None where nobody knows.

    A check that `holds` says right, one that `fails` wrong, `unchecked` nothing. So:

    - A step after the first failed one that follows from it is right: the check says so, and confidence is about this
      step. A step that fails is wrong also where its author takes it back later, or the answer comes out all the same.
    - An incorrect answer above steps that all hold says that a check saw too little and not in which step: nothing is
      known of any of them. Where some step is unchecked, the mistake has a place to be, and the others keep their
      checks.
    - A correct answer proves no unchecked step: two mistakes can cancel, and filler claims nothing.
    """
    checks = [step.check.outcome for step in steps]
    if outcome is Outcome.INCORRECT and all(check is CheckOutcome.HOLDS for check in checks):
        return [None] * len(checks)
    return [_TRUTH[check] for check in checks]
