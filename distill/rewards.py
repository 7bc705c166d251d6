"""What a text that a student wrote is worth: its answer, its steps, its form and its length."""

from __future__ import annotations

from dataclasses import dataclass

from tracewright.distill.stage_config import RewardConfig
from tracewright.pipeline.steps import check_steps, segment
from tracewright.pipeline.verify import extract_answer, verify_answer
from tracewright.schemas import CheckOutcome, Outcome


@dataclass(frozen=True)
class Reward:
    """The parts, each from 0 to 1."""

    answer: float
    steps: float
    format: float
    length: float

    def total(self, config: RewardConfig) -> float:
        """Weighted."""
        return (
            config.answer * self.answer
            + config.steps * self.steps
            + config.format * self.format
            + config.length * self.length
        )


def reward_text(question: str, gold: str, text: str, *, tokens: int, max_tokens: int, finished: bool) -> Reward:
    """Judge one text.

    Steps that can't be checked neither help nor hurt; a text without any checked step gets nothing for steps, and a
    wrong one nothing for being short, so that saying nothing does not pay.
    """
    right = finished and verify_answer(gold, text).outcome is Outcome.CORRECT
    steps = [text[span.start : span.end] for span in segment(text)]
    checks = [checked.check.outcome for checked in check_steps(question, steps)]
    proved = [check is CheckOutcome.HOLDS for check in checks if check is not CheckOutcome.UNCHECKED]
    return Reward(
        answer=float(right),
        steps=sum(proved) / len(proved) if proved else 0.0,
        format=float(finished and extract_answer(text) is not None),
        length=1 - tokens / max_tokens if right else 0.0,
    )
