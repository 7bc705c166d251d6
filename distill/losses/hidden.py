r"""The hidden state loss: a learned projection of the student's states is the teacher's.

.. math:: L_{cosine} = \frac{1}{M N} \sum_{m, n} 1 - \cos(W_m h^{student}_{mn}, h^{teacher}_{mn}), \qquad
   L_{mse} = \frac{1}{M N H} \sum_{m, n} \lVert W_m h^{student}_{mn} - h^{teacher}_{mn} \rVert^2

over M pairs of layers and N learnt positions; H is the teacher's width. The projections W are learnt with the student
and thrown away. Regression on hidden layers is Romero et al. 2014 (FitNets, arXiv:1412.6550); the cosine is Sanh et
al. 2019 (DistilBERT, arXiv:1910.01108).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Measure = Literal["cosine", "mse"]


class Projections(nn.Module):
    """A matrix for each pair of layers, from the student's width to the teacher's."""

    def __init__(self, pairs: int, student_width: int, teacher_width: int) -> None:
        super().__init__()
        self.matrices = nn.ModuleList(nn.Linear(student_width, teacher_width, bias=False) for _ in range(pairs))

    def forward(self, hidden: Sequence[torch.Tensor]) -> torch.Tensor:
        """The states of N positions at M layers, N × S each, as M × N × H."""
        return torch.stack([matrix(states) for matrix, states in zip(self.matrices, hidden, strict=True)])


def sum_state_distances(student_M_N_H: torch.Tensor, teacher_M_N_H: torch.Tensor, measure: Measure) -> torch.Tensor:
    """The distances of the states, the mean over layers and the sum over positions; the batch divides by their
    number."""
    if measure == "cosine":
        return (1 - functional.cosine_similarity(student_M_N_H, teacher_M_N_H, dim=-1)).sum(dim=-1).mean()
    return (student_M_N_H - teacher_M_N_H).square().mean(dim=-1).sum(dim=-1).mean()
