r"""The trace loss: the student writes what the teacher wrote.

.. math:: L = \frac{\sum_n w_n \cdot -\log q(y_n)}{\sum_n w_n}

over the learnt positions n, where q is the student's distribution at temperature 1, y the teacher's token and w the
weight that the release gives the row. On sampled teacher text this is sequence-level distillation (Kim & Rush 2016,
arXiv:1606.07947); with equal weights it is plain fine-tuning.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from tracewright.distill.losses.sums import LossSum


def trace_loss(logits_N_V: torch.Tensor, targets_N: torch.Tensor, weights_N: torch.Tensor, vocabulary: int) -> LossSum:
    """Weighted cross-entropy of N learnt positions.

    Args:
        logits_N_V: the student's, V at least `vocabulary`; further columns are padding and count as impossible.
        targets_N: the teacher's tokens.
        weights_N: each position's weight, its row's; not below 0.
        vocabulary: the number of real tokens.
    """
    losses_N = functional.cross_entropy(logits_N_V[:, :vocabulary], targets_N, reduction="none")
    return LossSum((losses_N * weights_N).sum(), weights_N.sum())
