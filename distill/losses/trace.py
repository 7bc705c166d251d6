r"""The trace loss: the student writes what the teacher wrote.

.. math:: L = \frac{\sum_n w_n \cdot -\log q(y_n)}{\sum_n w_n}

over the learnt positions n, where q is the student's distribution at temperature 1, y the teacher's token and w the
weight of its row, its step and its place. On sampled teacher text this is sequence-level distillation (Kim & Rush 2016,
arXiv:1606.07947); with equal weights it is plain fine-tuning.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def measure_trace_loss(logits_N_V: torch.Tensor, targets_N: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each position's cross-entropy (N) and the gradient of its logits (N × V); V is the number of real tokens."""
    log_q_N_V = functional.log_softmax(logits_N_V, dim=-1)
    values_N = -log_q_N_V.gather(-1, targets_N[:, None])[:, 0]
    gradient_N_V = log_q_N_V.exp_()
    gradient_N_V[torch.arange(len(targets_N), device=targets_N.device), targets_N] -= 1
    return values_N, gradient_N_V


def measure_trace_value(logits_N_V: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
    """Each position's cross-entropy alone (N)."""
    return logits_N_V.logsumexp(-1) - logits_N_V.gather(-1, targets_N[:, None])[:, 0]
