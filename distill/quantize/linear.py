"""A quantized linear layer: chosen on calibration inputs, and computed as the kernel computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from tracewright.distill.quantize.gptq import round_by_error
from tracewright.distill.quantize.grid import Grid


class QuantizedLinear(nn.Module):
    """A linear layer on a grid, simulated in floating point."""

    def __init__(
        self, grid: Grid, integers_O_I: torch.Tensor, scales_O_G: torch.Tensor, bias_O: torch.Tensor | None
    ) -> None:
        super().__init__()
        self.grid = grid
        self.integers_O_I = integers_O_I.to(torch.int8)
        self.scales_O_G = scales_O_G
        self.bias_O = bias_O
        self._weight_O_I = self.integers_O_I.float() * grid.spread(scales_O_G, integers_O_I.shape[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(self.grid.quantize_activations(x), self._weight_O_I, self.bias_O)


@dataclass(frozen=True)
class QuantizedChoice:
    """What a linear layer became, and what that costs on its calibration inputs."""

    layer: QuantizedLinear
    scheme: Literal["gptq", "nearest"]
    error: float
    """‖y − ŷ‖ / ‖y‖ of the outputs, activations quantized too where the grid says so."""
    nearest_error: float
    """The same, had every weight been rounded to the nearest integer of the full range, the smallest ones dropped where
    the grid is sparse."""


def quantize_linear(grid: Grid, linear: nn.Linear, inputs_N_I: torch.Tensor) -> QuantizedChoice:
    """The better of two roundings on the inputs: to the nearest, or by error with ranges chosen for it."""
    weight = linear.weight.detach().float()
    bias: torch.Tensor | None = getattr(linear, "bias", None)
    hessian = inputs_N_I.double().T @ inputs_N_I.double()
    wide, chosen = grid.full_range_scales(weight), grid.search_scales(weight, inputs_N_I.square().mean(dim=0))
    to_nearest = grid.round_weights(grid.prune(weight), grid.spread(wide, weight.shape[1]))
    nearest = QuantizedLinear(grid, to_nearest, wide, bias)
    by_error = QuantizedLinear(grid, round_by_error(grid, weight, chosen, hessian), chosen, bias)
    wanted = functional.linear(inputs_N_I, weight, bias)
    nearest_error, error = (_measure(wanted, layer(inputs_N_I)) for layer in (nearest, by_error))
    if nearest_error < error:
        return QuantizedChoice(nearest, "nearest", nearest_error, nearest_error)
    return QuantizedChoice(by_error, "gptq", error, nearest_error)


def _measure(wanted: torch.Tensor, got: torch.Tensor) -> float:
    return float((wanted - got).norm() / wanted.norm().clamp_min(torch.finfo(torch.float32).tiny))
