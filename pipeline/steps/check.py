"""Which steps hold, which fail and what each one rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tracewright.pipeline.steps.claims import Claim, summarize
from tracewright.pipeline.steps.corrections import find_corrections
from tracewright.pipeline.steps.excuses import MAX_DENIAL_CHARACTERS
from tracewright.pipeline.steps.memory import Memory
from tracewright.pipeline.steps.question import read_question
from tracewright.pipeline.steps.walk import check_step
from tracewright.schemas import CheckOutcome, StepCheck

CHECKER_VERSION = "steps-3"
"""Stored with every trace; a change of any outcome raises it."""


class CheckedStep(NamedTuple):
    """A step's check and what it rests on."""

    check: StepCheck
    depends_on: tuple[int, ...]
    """Earlier steps whose results it uses, ascending; −1 is the question."""
    corrected_by: int | None
    """The later step in which the author takes this one back."""
    claims: tuple[Claim, ...]


def check_steps(question: str, steps: Sequence[str]) -> list[CheckedStep]:
    """Check every step of a trace, in order. Deterministic, and linear in the text."""
    memory = Memory(read_question(question))
    findings = [
        check_step(memory, index, step, following[:MAX_DENIAL_CHARACTERS])
        for index, (step, following) in enumerate(zip(steps, [*steps[1:], ""], strict=False))
    ]
    corrections = find_corrections(steps, findings)
    checked = [
        CheckedStep(found.check, found.depends_on, corrections.get(index), found.claims)
        for index, found in enumerate(findings)
    ]
    if memory.doubtful is not None and first_failed_step(checked) is None:
        # Nothing after it explains the wrong result: it was the way in which the question was taken apart.
        index, claim = memory.doubtful
        claims = (claim, *checked[index].claims)
        checked[index] = checked[index]._replace(check=summarize(claims), claims=claims)
    return checked


def first_failed_step(checked: Sequence[CheckedStep]) -> int | None:
    """The first step that fails and that the author does not take back."""
    for index, step in enumerate(checked):
        if step.check.outcome is CheckOutcome.FAILS and step.corrected_by is None:
            return index
    return None
