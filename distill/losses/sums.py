"""A loss as a sum and what to divide it by."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class LossSum:
    """A loss summed over learnt positions, and the weight of those positions."""

    total: torch.Tensor
    weight: torch.Tensor
    """Positions, or their weights summed; no gradient flows through it."""

    def __add__(self, other: LossSum) -> LossSum:
        return LossSum(self.total + other.total, self.weight + other.weight)

    @property
    def mean(self) -> torch.Tensor:
        """Zero where there was nothing to learn, with a gradient of zero."""
        return self.total / self.weight.clamp_min(torch.finfo(self.weight.dtype).tiny)
