r"""The forward KL from tokens that the teacher drew.

.. math:: \widehat{KL} = \frac{1}{S} \sum_{s=1}^{S} w_s (\log p_T(y_s) - \log q_T(y_s)),
   \quad y_s \sim r, \quad w_s = \frac{p_T(y_s)}{r(y_s)}

where r is what the tokens were drawn from: the teacher at its sampling temperature. Its mean over draws is the forward
KL, and so is that of its gradient; with S = 1 and both temperatures 1 its gradient is the cross-entropy's of the
teacher's own text (Kim & Rush 2016, arXiv:1606.07947). Sampling with importance weights in place of the top k,
which is biased, is Anshumann et al. 2025 (arXiv:2503.16870).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class SampledDistribution:
    """S drawn tokens at each of N positions."""

    tokens_N_S: torch.Tensor
    weights_N_S: torch.Tensor
    """w: the ratio of the teacher's probability at the loss temperature and of that of drawing."""
    logprobs_N_S: torch.Tensor
    """log p at the loss temperature; zeros where they are not known, and then the entropy is missing in the value,
    which no gradient depends on."""

    @classmethod
    def drawn(cls, tokens: Sequence[int]) -> SampledDistribution:
        """One token a position, learnt at the temperature that it was drawn at."""
        tokens_N_S = torch.tensor(tokens)[:, None]
        return cls(tokens_N_S, torch.ones(tokens_N_S.shape), torch.zeros(tokens_N_S.shape))

    @classmethod
    def weighted(
        cls, tokens_N_S: torch.Tensor, logprobs_N_S: torch.Tensor, drawing_logprobs_N_S: torch.Tensor
    ) -> SampledDistribution:
        """Tokens drawn from another distribution: their log-probabilities in the teacher's, at the loss temperature,
        and in the one that they were drawn from."""
        return cls(tokens_N_S, (logprobs_N_S - drawing_logprobs_N_S).exp(), logprobs_N_S)

    def rows(self, rows: slice) -> SampledDistribution:
        """Some of the positions."""
        return SampledDistribution(self.tokens_N_S[rows], self.weights_N_S[rows], self.logprobs_N_S[rows])

    def to(self, device: torch.device) -> SampledDistribution:
        """On a device."""
        return SampledDistribution(*(one.to(device) for one in (self.tokens_N_S, self.weights_N_S, self.logprobs_N_S)))

    def measure(self, log_q_N_V: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Each position's estimate (N), and its gradient by the student's logits at the loss temperature, divided by
        it (N × V). `log_q_N_V` is overwritten."""
        weights_N_S = self.weights_N_S / self.tokens_N_S.shape[1]
        log_q_N_S = log_q_N_V.gather(-1, self.tokens_N_S)
        values_N = (weights_N_S * (self.logprobs_N_S - log_q_N_S)).sum(-1)
        gradient_N_V = log_q_N_V.exp_().mul_(weights_N_S.sum(-1, keepdim=True))
        return values_N, gradient_N_V.scatter_add_(-1, self.tokens_N_S, -weights_N_S.to(gradient_N_V.dtype))
