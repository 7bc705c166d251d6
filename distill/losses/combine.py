"""The losses of one batch, added by their weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tracewright.distill.config import LossConfig
from tracewright.distill.losses.output import output_loss
from tracewright.distill.losses.trace import trace_loss


@dataclass(frozen=True)
class CombinedLoss:
    """The number that is minimised, and its parts as means for people."""

    total: torch.Tensor
    parts: dict[str, float]


def combine_losses(
    weights: LossConfig,
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
