"""What was found out about an answer and about a step."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from tracewright.schemas.base import Count, Frozen


class Outcome(StrEnum):
    """`unverifiable` says that nothing could be checked, `error` that the check itself failed; neither is wrong."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNVERIFIABLE = "unverifiable"
    ERROR = "error"


class Verdict(Frozen):
    """The outcome of comparing a completion's answer with the gold answer."""

    outcome: Outcome
    method: str
    """Which part of the verifier decided, for example `exact`, `rational` or `symbolic`."""
    reason: str
    """One sentence for a person."""
    seconds: float = Field(default=0.0, ge=0.0)


class CheckOutcome(StrEnum):
    """What was proved about a step without a model."""

    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKED = "unchecked"


class StepCheck(Frozen):
    """The outcome of checking the claims that a step makes."""

    outcome: CheckOutcome
    reason: str
    """For `fails`: the claim and both of its sides. For `unchecked`: why."""
    claims: Count = 0
    """How many claims were checked."""
