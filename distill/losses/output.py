r"""The output loss: the student's distribution over the next token is the teacher's.

.. math:: L = \frac{T^2}{N} \sum_n D(p_n, q_n),
   \quad p = \mathrm{softmax}(z^{teacher} / T), \; q = \mathrm{softmax}(z^{student} / T)

over the N learnt positions, with a divergence D of `divergences`; with forward KL it is Hinton, Vinyals & Dean 2015
(arXiv:1503.02531). A gradient through z / T shrinks with 1/T²; the factor T² keeps its size, so that the weight
between this and the trace loss means the same at every temperature. T is the loss's own: how the traces were sampled
has nothing to do with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tracewright.distill.loss_config import Divergence
from tracewright.distill.losses.distributions import Outcomes, normalise_logits
from tracewright.distill.losses.divergences import measure_divergence
from tracewright.distill.losses.sampled import SampledDistribution

Teaching = Outcomes | SampledDistribution
"""What an output loss can learn from."""


@dataclass(frozen=True)
class OutputLoss:
    """The divergence at a temperature, × T².

    Args:
        temperature: T, above 0.
        divergence: which one.
        beta: of the generalised Jensen-Shannon divergence.
    """

    temperature: float
    divergence: Divergence = Divergence.FORWARD_KL
    beta: float = 0.5

    def measure(self, logits_N_V: torch.Tensor, teacher: Teaching) -> tuple[torch.Tensor, torch.Tensor]:
        """Each position's loss (N) and the gradient of its logits (N × V); V is the number of real tokens.

        The logits are overwritten.
        """
        log_q_N_V = normalise_logits(logits_N_V, self.temperature)
        if isinstance(teacher, SampledDistribution):
            values_N, gradient_N_V = teacher.measure(log_q_N_V)
            return values_N * self.temperature**2, gradient_N_V.mul_(self.temperature)
        log_q_N_B = teacher.student(log_q_N_V)
        values_N, flow_N_B, q_N_B = measure_divergence(
            teacher.teacher(self.temperature), log_q_N_B, self.divergence, self.beta
        )
        total_N = flow_N_B.sum(-1, keepdim=True)
        flow_N_V = teacher.spread(flow_N_B, log_q_N_V)
        q_N_V = q_N_B if log_q_N_B is log_q_N_V else log_q_N_V.exp_()
        gradient_N_V = q_N_V.mul_(-total_N).add_(flow_N_V).mul_(self.temperature)
        return values_N * self.temperature**2, gradient_N_V
