r"""How far the student's distribution q is from the teacher's p: three divergences, each with its gradient.

.. math::
   \text{forward KL} = \sum_b p_b \log \frac{p_b}{q_b}, \qquad
   \text{reverse KL} = \sum_b q_b \log \frac{q_b}{p_b}, \qquad
   \text{JSD}_\beta = \beta \sum_b p_b \log \frac{p_b}{m_b} + (1 - \beta) \sum_b q_b \log \frac{q_b}{m_b}

with m = βp + (1 − β)q, over outcomes b: tokens, or the stored tokens and one bucket for all others. Forward KL is
Hinton, Vinyals & Dean 2015 (arXiv:1503.02531), reverse KL Gu et al. 2023 (arXiv:2306.08543), the generalised
Jensen-Shannon divergence Agarwal et al. 2023 (arXiv:2306.13649): near β = 0 it goes as β times forward KL, near β = 1
as 1 − β times reverse KL.

A gradient is given as a *flow*, q_b · ∂D/∂q_b: a softmax turns it into the gradient of its logits z, for which
∂D/∂z_b = flow_b − q_b · Σ flow. The flow stays finite where q underflows and ∂D/∂q does not.
"""

from __future__ import annotations

import math

import torch

from tracewright.distill.loss_config import Divergence


def measure_divergence(
    log_p_N_B: torch.Tensor, log_q_N_B: torch.Tensor, divergence: Divergence, beta: float = 0.5
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The divergence of each of N positions over B outcomes, and what its gradient is made of.

    Args:
        log_p_N_B: the teacher's log-probabilities; each row sums to one after `exp`. No entry may be minus infinity.
            Overwritten: at a vocabulary of 150,000 each copy of it counts.
        log_q_N_B: the student's.
        divergence: which one.
        beta: the teacher's share of the mixture, between 0 and 1; for JSD alone.

    Returns:
        The values (N), the flows (N × B) and q itself (N × B).
    """
    q_N_B = log_q_N_B.exp()
    match divergence:
        case Divergence.FORWARD_KL:
            p_N_B = log_p_N_B.exp()
            values_N = torch.linalg.vecdot(p_N_B, log_p_N_B.sub_(log_q_N_B))
            return values_N, p_N_B.neg_(), q_N_B
        case Divergence.REVERSE_KL:
            ratio_N_B = log_p_N_B.neg_().add_(log_q_N_B)
            values_N = torch.linalg.vecdot(q_N_B, ratio_N_B)
            return values_N, ratio_N_B.add_(1).mul_(q_N_B), q_N_B
        case Divergence.JSD:
            log_m_N_B = torch.logaddexp(log_p_N_B.add_(math.log(beta)), log_q_N_B + math.log1p(-beta))
            p_N_B = log_p_N_B.sub_(math.log(beta)).exp()
            from_teacher_N = torch.linalg.vecdot(p_N_B, log_p_N_B.sub_(log_m_N_B))
            del p_N_B
            ratio_N_B = log_m_N_B.neg_().add_(log_q_N_B)
            values_N = beta * from_teacher_N + (1 - beta) * torch.linalg.vecdot(q_N_B, ratio_N_B)
            return values_N, ratio_N_B.mul_(q_N_B).mul_(1 - beta), q_N_B
