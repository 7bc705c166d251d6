r"""The grids that weights are rounded onto: symmetric, with one scale an output channel or a group of its inputs.

A value x is kept as q = round(x / s), an integer, and read back as q · s. Weights get their scales here, once. Where
activations are quantized too, the kernel gives every token the grid of its own largest value. A sparse grid keeps two
of each four inputs in a row and zeroes the others (2:4), which tensor cores multiply at twice the speed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

_NARROWEST = 0.6
"""The search tries ranges from this share of the largest weight up to all of it."""
_CANDIDATES = 41
SPARSE_RUN, SPARSE_ZEROS = 4, 2
"""So many zeros in each run of so many inputs: the one pattern that hardware takes."""
SCALE_DTYPE = torch.bfloat16
"""Scales are rounded to it before weights are rounded with them, so that nothing is lost when they are stored."""


@dataclass(frozen=True)
class Grid:
    """Which integers there are, and what shares a scale. Weights are O × I, scales O × G."""

    bits: int
    group: int | None
    """So many inputs of an output channel share a scale; None: all of them, G = 1."""
    activations: bool
    """Whether a layer's inputs are quantized as well, to the same number of bits."""
    lowest: int
    highest: int
    """The least and the largest integer of a weight."""
    sparse: bool = False
    """Whether two of each four inputs in a row are zero."""

    @property
    def limit(self) -> int:
        """The largest integer of an activation."""
        return 2 ** (self.bits - 1) - 1

    def quantize_activations(self, x: torch.Tensor) -> torch.Tensor:
        """Activations as the kernel sees them."""
        if not self.activations:
            return x
        scale = x.abs().amax(dim=-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / self.limit
        return (x / scale).round() * scale

    def full_range_scales(self, weight_O_I: torch.Tensor) -> torch.Tensor:
        """O × G scales with which nothing is clipped."""
        return _store(self._in_groups(weight_O_I).abs().amax(dim=2) / self.highest)

    def search_scales(self, weight_O_I: torch.Tensor, importance_I: torch.Tensor) -> torch.Tensor:
        """O × G scales with the least squared error of the outputs, inputs taken as uncorrelated.

        Clipping a few large weights buys a finer grid for all others; `importance_I` is the mean square of each input.
        """
        widest = self.full_range_scales(weight_O_I)
        best, best_error = widest, self._weighted_error(weight_O_I, widest, importance_I)
        for share in torch.linspace(_NARROWEST, 1.0, _CANDIDATES)[:-1].tolist():
            scales = _store(widest * share)
            error = self._weighted_error(weight_O_I, scales, importance_I)
            better = error < best_error
            best, best_error = torch.where(better, scales, best), torch.where(better, error, best_error)
        return best

    def spread(self, scales_O_G: torch.Tensor, inputs: int) -> torch.Tensor:
        """O × I: each weight's scale."""
        return scales_O_G.repeat_interleave(inputs // scales_O_G.shape[1], dim=1)

    def round_weights(self, weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        """The nearest integers, still as floating-point numbers; the scales are each weight's own, or broadcast."""
        return (weight / scales).round().clamp(self.lowest, self.highest)

    def prune(self, weight_O_I: torch.Tensor) -> torch.Tensor:
        """The weights, of a sparse grid without the smallest of each run."""
        if not self.sparse:
            return weight_O_I
        runs_O_R_4 = weight_O_I.unflatten(1, (-1, SPARSE_RUN))
        dropped = runs_O_R_4.abs().topk(SPARSE_ZEROS, dim=2, largest=False).indices
        return runs_O_R_4.scatter(2, dropped, 0.0).flatten(1)

    def _in_groups(self, weight_O_I: torch.Tensor) -> torch.Tensor:
        """O × G × inputs of a group."""
        return weight_O_I.unflatten(1, (-1, self.group or weight_O_I.shape[1]))

    def _weighted_error(
        self, weight_O_I: torch.Tensor, scales_O_G: torch.Tensor, importance_I: torch.Tensor
    ) -> torch.Tensor:
        scales_O_I = self.spread(scales_O_G, weight_O_I.shape[1])
        rounded_O_I = self.round_weights(weight_O_I, scales_O_I) * scales_O_I
        return self._in_groups((weight_O_I - rounded_O_I).square() * importance_I).sum(dim=2)


INT8 = Grid(bits=8, group=None, activations=True, lowest=-127, highest=127)
"""Weights and activations (W8A8). −128 is left out, so that the grid is symmetric."""
INT8_REDUCED = replace(INT8, lowest=-63, highest=63)
"""Weights of seven bits. x86 processors without VNNI add two products of 8 bits in one number of 16: 255 · 127 · 2 does
not fit, and the kernels saturate silently (six points of a small student's solved problems); 255 · 63 · 2 fits."""
INT4 = Grid(bits=4, group=32, activations=False, lowest=-8, highest=7)
"""Weights alone (W4A16). 32 inputs a scale divide every layer that vLLM's kernels take."""


def _store(scales: torch.Tensor) -> torch.Tensor:
    floor = torch.finfo(torch.float32).tiny / torch.finfo(SCALE_DTYPE).eps
    return scales.clamp_min(floor).to(SCALE_DTYPE).float()
