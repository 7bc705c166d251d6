"""The losses of one batch, added by their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from pydantic import Field, model_validator

from tracewright.distill.losses.output import output_loss
from tracewright.distill.losses.trace import trace_loss
from tracewright.schemas.base import Frozen


class LossWeights(Frozen):
    """How much each loss counts; only their ratio matters, since they are divided by their sum."""

    trace: float = Field(default=0.5, ge=0.0)
    """The cross-entropy of the released text."""
    output: float = Field(default=0.5, ge=0.0)
    """The divergence from the teacher's distributions; 0: the teacher is not even loaded."""
    temperature: float = Field(default=2.0, gt=0.0)
    """Of the output loss. It is never the sampling temperature."""

    @model_validator(mode="after")
    def _check_some_loss(self) -> Self:
        if self.trace + self.output == 0:
            raise ValueError("trace and output are both 0, so there is nothing to learn: give one of them a weight")
        return self

    @property
    def text_only(self) -> LossWeights:
        """The control's: the same without the output loss."""
        return LossWeights(trace=1.0, output=0.0, temperature=self.temperature)


@dataclass(frozen=True)
class CombinedLoss:
    """The number that is minimised, and its parts as means for people."""

    total: torch.Tensor
    parts: dict[str, float]


def combine_losses(
    weights: LossWeights,
    student_logits_N_V: torch.Tensor,
    targets_N: torch.Tensor,
    weights_N: torch.Tensor,
    teacher_logits_N_V: torch.Tensor | None,
    vocabulary: int,
) -> CombinedLoss:
    """The weighted mean of the losses that have a weight; the trace loss is always measured.

    `teacher_logits_N_V` may be None only where the output loss has no weight.
    """
    trace = trace_loss(student_logits_N_V, targets_N, weights_N, vocabulary).mean
    parts = {"trace": trace.item()}
    total = weights.trace * trace
    if weights.output and teacher_logits_N_V is not None:
        output = output_loss(student_logits_N_V, teacher_logits_N_V, weights.temperature, vocabulary).mean
        parts["output"] = output.item()
        total = total + weights.output * output
    return CombinedLoss(total / (weights.trace + weights.output), parts)
