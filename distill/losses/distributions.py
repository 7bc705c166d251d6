"""What is known of the teacher's distribution at each learnt position: all of it, or its likeliest tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch

_SMALLEST = 1e-30
"""Where rounding leaves nothing for the bucket of all other tokens."""


def normalise_logits(logits_N_V: torch.Tensor, temperature: float) -> torch.Tensor:
    """Logits as log-probabilities at a temperature, in their own memory: of a large vocabulary each copy counts."""
    logits_N_V.sub_(logits_N_V.amax(-1, keepdim=True)).div_(temperature)
    return logits_N_V.sub_(logits_N_V.logsumexp(-1, keepdim=True))


class Outcomes(Protocol):
    """The teacher's distribution at N positions over outcomes, and the same outcomes for the student."""

    def rows(self, rows: slice) -> Outcomes:
        """Some of the positions."""
        ...

    def teacher(self, temperature: float) -> torch.Tensor:
        """Log-probabilities, N × B."""
        ...

    def student(self, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """The student's log-probabilities of the same outcomes, N × B, from those of all tokens."""
        ...

    def spread(self, flow_N_B: torch.Tensor, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """The outcomes' flows as flows of tokens, N × V; see `divergences`."""
        ...


@dataclass(frozen=True)
class WholeDistribution:
    """Logits of every token: each token is an outcome."""

    logits_N_V: torch.Tensor
    used_once: bool = False
    """Whether the logits may be overwritten."""

    def rows(self, rows: slice) -> WholeDistribution:
        """Some of the positions."""
        return WholeDistribution(self.logits_N_V[rows], self.used_once)

    def to(self, device: torch.device) -> WholeDistribution:
        """On a device."""
        return WholeDistribution(self.logits_N_V.to(device), self.used_once)

    def teacher(self, temperature: float) -> torch.Tensor:
        """Log-probabilities at that temperature, N × V."""
        logits_N_V = self.logits_N_V.detach()
        return normalise_logits(logits_N_V if self.used_once else logits_N_V.clone(), temperature)

    def student(self, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """As it is."""
        return log_q_N_V

    def spread(self, flow_N_B: torch.Tensor, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """As it is."""
        return flow_N_B


@dataclass(frozen=True)
class HiddenDistribution:
    """The last hidden states of a loaded teacher: its logits are made for a few positions at a time."""

    hidden_N_H: torch.Tensor
    head_V_H: torch.Tensor

    def rows(self, rows: slice) -> WholeDistribution:
        """Some of the positions, with their logits."""
        return WholeDistribution((self.hidden_N_H[rows].detach() @ self.head_V_H.detach().T).float(), used_once=True)

    def teacher(self, temperature: float) -> torch.Tensor:
        """Log-probabilities at that temperature, N × V."""
        return self.rows(slice(None)).teacher(temperature)

    def student(self, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """As it is."""
        return log_q_N_V

    def spread(self, flow_N_B: torch.Tensor, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """As it is."""
        return flow_N_B


@dataclass(frozen=True)
class TopDistribution:
    """The k likeliest tokens as they were stored, and one bucket for all others.

    A divergence over buckets is never more than that over tokens, and equal to it where the tail's tokens stand in the
    same ratios in both models.
    """

    tokens_N_K: torch.Tensor
    """Token ids."""
    logprobs_N_K: torch.Tensor
    """At temperature 1."""
    log_normalisers_N: torch.Tensor
    """log Σ p^(1/T) over all tokens, at the temperature that the loss asks for; 0 at temperature 1."""
    temperature: float
    """The one that the normalisers are for."""

    def rows(self, rows: slice) -> TopDistribution:
        """Some of the positions."""
        return TopDistribution(
            self.tokens_N_K[rows], self.logprobs_N_K[rows], self.log_normalisers_N[rows], self.temperature
        )

    def to(self, device: torch.device) -> TopDistribution:
        """On a device."""
        tokens_N_K, logprobs_N_K = self.tokens_N_K.to(device), self.logprobs_N_K.to(device)
        return TopDistribution(tokens_N_K, logprobs_N_K, self.log_normalisers_N.to(device), self.temperature)

    def teacher(self, temperature: float) -> torch.Tensor:
        """Log-probabilities of the k tokens and of the bucket, N × (k + 1)."""
        assert temperature == self.temperature, (temperature, self.temperature)  # noqa: S101
        log_p_N_K = self.logprobs_N_K.double() / temperature - self.log_normalisers_N[:, None].double()
        log_rest_N = (1 - log_p_N_K.exp().sum(-1, keepdim=True)).clamp_min(_SMALLEST).log()
        return torch.cat([log_p_N_K, log_rest_N], dim=-1).to(self.logprobs_N_K.dtype)

    def student(self, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """The same outcomes of the student, N × (k + 1)."""
        log_rest_N = self._without_top(log_q_N_V).logsumexp(-1, keepdim=True).clamp_min(math.log(_SMALLEST))
        return torch.cat([log_q_N_V.gather(-1, self.tokens_N_K), log_rest_N], dim=-1)

    def spread(self, flow_N_B: torch.Tensor, log_q_N_V: torch.Tensor) -> torch.Tensor:
        """Within the bucket a token has the share of its probability."""
        flow_N_V = self._without_top(log_q_N_V).softmax(-1).mul_(flow_N_B[:, -1:])
        return flow_N_V.scatter_(-1, self.tokens_N_K, flow_N_B[:, :-1])

    def _without_top(self, log_q_N_V: torch.Tensor) -> torch.Tensor:
        return log_q_N_V.scatter(-1, self.tokens_N_K, -math.inf)
