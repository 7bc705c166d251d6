r"""The int8 grid: weights symmetric with one scale an output channel, activations symmetric with one scale a token.

A value x is kept as q = round(x / s), an integer of at most 127 either way, and read back as q · s. Weights get their
scales here, once; activations theirs in the kernel, for each token anew, from its largest value.
"""

from __future__ import annotations

import torch

LIMIT = 127
"""The largest integer used. −128 is left out, so that the grid is symmetric."""
_NARROWEST = 0.6
"""The search tries ranges from this share of the largest weight up to all of it."""
_CANDIDATES = 41
SCALE_DTYPE = torch.bfloat16
"""Scales are rounded to it before weights are rounded with them, so that nothing is lost when they are stored."""


def quantize_activations(x: torch.Tensor) -> torch.Tensor:
    """Activations as the int8 kernel sees them: each token on the grid of its own largest value."""
    scale = x.abs().amax(dim=-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / LIMIT
    return (x / scale).round() * scale


def full_range_scales(weight_O_I: torch.Tensor) -> torch.Tensor:
    """O × 1 scales with which nothing is clipped."""
    return _store(weight_O_I.abs().amax(dim=1, keepdim=True) / LIMIT)


def search_scales(weight_O_I: torch.Tensor, importance_I: torch.Tensor) -> torch.Tensor:
    """O × 1 scales with the least squared error of the outputs, inputs taken as uncorrelated.

    Clipping a few large weights buys a finer grid for all others; `importance_I` is the mean square of each input.
    """
    widest = full_range_scales(weight_O_I)
    best, best_error = widest, _weighted_error(weight_O_I, widest, importance_I)
    for share in torch.linspace(_NARROWEST, 1.0, _CANDIDATES)[:-1].tolist():
        scales = _store(widest * share)
        error = _weighted_error(weight_O_I, scales, importance_I)
        better = error < best_error
        best, best_error = torch.where(better, scales, best), torch.where(better, error, best_error)
    return best


def round_weights(weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """The nearest integers of the grid, still as floating-point numbers."""
    return (weight / scales).round().clamp(-LIMIT, LIMIT)


def _weighted_error(weight_O_I: torch.Tensor, scales: torch.Tensor, importance_I: torch.Tensor) -> torch.Tensor:
    rounded = round_weights(weight_O_I, scales) * scales
    return ((weight_O_I - rounded).square() * importance_I).sum(dim=1, keepdim=True)


def _store(scales: torch.Tensor) -> torch.Tensor:
    floor = torch.finfo(torch.float32).tiny / torch.finfo(SCALE_DTYPE).eps
    return scales.clamp_min(floor).to(SCALE_DTYPE).float()
