r"""The output loss: the student's distribution over the next token is the teacher's.

.. math:: L = \frac{T^2}{N} \sum_n \sum_v p_{nv} \log \frac{p_{nv}}{q_{nv}},
   \quad p = \mathrm{softmax}(z^{teacher} / T), \; q = \mathrm{softmax}(z^{student} / T)

over the N learnt positions (Hinton, Vinyals & Dean 2015, arXiv:1503.02531). A gradient through z / T shrinks with 1/T²;
the factor T² keeps its size, so that the weight between this and the trace loss means the same at every temperature.
T is the loss's own: how the traces were sampled has nothing to do with it.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from tracewright.distill.losses.sums import LossSum


def output_loss(
    student_logits_N_V: torch.Tensor, teacher_logits_N_V: torch.Tensor, temperature: float, vocabulary: int
) -> LossSum:
    """Forward KL(teacher ‖ student) × T² over N learnt positions; no gradient reaches the teacher.

    Args:
        student_logits_N_V: V at least `vocabulary`; further columns are padding and no token.
        teacher_logits_N_V: raw logits of the same positions; its own padding may be of another width.
        temperature: T, above 0.
        vocabulary: the number of real tokens, the same ones in both models.
    """
    student = functional.log_softmax(student_logits_N_V[:, :vocabulary] / temperature, dim=-1)
    teacher = functional.log_softmax(teacher_logits_N_V[:, :vocabulary].detach() / temperature, dim=-1)
    divergence = functional.kl_div(student, teacher, reduction="sum", log_target=True)
    return LossSum(divergence * temperature**2, student.new_tensor(float(student.shape[0])))
