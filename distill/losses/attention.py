r"""The attention loss: the student looks where the teacher looks.

.. math:: L = \frac{1}{M R} \sum_{m=1}^{M} \sum_{r=1}^{R} \sum_{k} (\bar A^{student}_{mrk} - \bar A^{teacher}_{mrk})^2

over M pairs of layers and R rows (queries), with maps pooled over their heads by the mean and rows that sum to one. It
is the mean squared error of the maps times the number of keys, so that its size does not fall with the length. Maps as
targets are Jiao et al. 2019 (TinyBERT, arXiv:1909.10351); pooling frees the student from its teacher's number of heads.

A map may be capped to its first tokens, cut to what the completion looks at in itself, or stretched bilinearly to
another length; afterwards its rows are brought back to a sum of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

_SMALLEST = 1e-12
"""A row that looks at nothing within its cut stays zero."""


def pool_heads(attentions: Sequence[torch.Tensor], layers: Sequence[int]) -> torch.Tensor:
    """The maps of some layers, their heads pooled: B × M × L × L from B × heads × L × L each."""
    return torch.stack([attentions[layer].mean(dim=1, dtype=torch.float32) for layer in layers], dim=1)


def cut_map(map_M_L_L: torch.Tensor, start: int, length: int) -> torch.Tensor:
    """What `length` tokens from `start` on look at in each other, rows summing to one."""
    end = start + length
    return renormalise(map_M_L_L[:, start:end, start:end])


def stretch_map(map_M_K_K: torch.Tensor, length: int) -> torch.Tensor:
    """A causal map of another length, interpolated bilinearly; no query looks ahead, rows sum to one."""
    stretched = functional.interpolate(map_M_K_K[:, None], size=(length, length), mode="bilinear", align_corners=True)
    return renormalise(stretched[:, 0].tril())


def renormalise(map_M_L_L: torch.Tensor) -> torch.Tensor:
    """Rows that sum to one."""
    return map_M_L_L / map_M_L_L.sum(dim=-1, keepdim=True).clamp_min(_SMALLEST)


def sum_row_distances(student_M_L_L: torch.Tensor, teacher_M_L_L: torch.Tensor) -> torch.Tensor:
    """The squared distances of an example's rows, the mean over layers and the sum over rows; the batch divides by its
    number of rows."""
    return (student_M_L_L - teacher_M_L_L).square().sum(dim=(-1, -2)).mean()
