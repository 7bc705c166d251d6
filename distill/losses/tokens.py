r"""The losses of single positions, a few positions at a time: their gradients are written down, not recorded.

Logits of 2,048 positions over a vocabulary of 151,936 are 1.2 GB, and what autograd keeps of two models' log-softmaxes
is many times that. Here logits are made from hidden states for as many positions as fit into a fixed size, turned into
the gradient of hidden states and head at once, and forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch

from tracewright.distill.loss_config import LossConfig
from tracewright.distill.losses.output import OutputLoss, Teaching
from tracewright.distill.losses.trace import measure_trace_loss, measure_trace_value

CHUNK_BYTES = 64 * 2**20
"""Of logits that are held at a time; up to four times as much is in use beside them."""


@dataclass(frozen=True)
class Positions:
    """N learnt positions: what stands there, how much it counts and what the teacher thought of it."""

    targets_N: torch.Tensor
    """The teacher's tokens."""
    weights_N: torch.Tensor
    """Each position's weight in the trace loss; not below 0."""
    teacher: Teaching | None = None
    """Where an output loss is asked for."""

    def rows(self, rows: slice) -> Positions:
        """Some of them."""
        teacher = self.teacher.rows(rows) if self.teacher else None
        return Positions(self.targets_N[rows], self.weights_N[rows], teacher)


@dataclass(frozen=True)
class TokenLosses:
    """The weighted sum of trace and output loss. The trace loss is always measured, also where it has no weight."""

    trace: float
    output: float = 0.0
    how: OutputLoss | None = None
    """Where `output` is above 0."""

    @classmethod
    def of(cls, config: LossConfig, fraction: float = 0.0) -> TokenLosses:
        """A config's, as its shares of all losses' weights.

        Args:
            config: the losses.
            fraction: of the training that is done, for the temperature's schedule.
        """
        output = config.output
        temperature = output.temperature * output.schedule.factor(fraction)
        how = OutputLoss(temperature, output.divergence, output.beta)
        return cls(config.trace.weight / config.total, output.weight / config.total, how)

    def measure(self, logits_N_V: torch.Tensor, positions: Positions, divisors: Divisors) -> Measured:
        """Values and gradient of some positions, as their part of the mean over all. The logits are overwritten."""
        scale_N = positions.weights_N / divisors.weight
        gradient_N_V: torch.Tensor | None = None
        if self.trace:
            values_N, gradient_N_V = measure_trace_loss(logits_N_V, positions.targets_N)
            gradient_N_V.mul_(self.trace * scale_N[:, None])
        else:
            values_N = measure_trace_value(logits_N_V, positions.targets_N)
        trace = torch.dot(values_N, scale_N)
        if not self.output or self.how is None or positions.teacher is None:
            return Measured(trace, torch.zeros_like(trace), gradient_N_V)
        values_N, output_N_V = self.how.measure(logits_N_V, positions.teacher)
        output_N_V.mul_(self.output / divisors.count)
        total_N_V = output_N_V if gradient_N_V is None else output_N_V.add_(gradient_N_V)
        return Measured(trace, values_N.sum() / divisors.count, total_N_V)


@dataclass(frozen=True)
class Divisors:
    """What sums over positions are divided by: those of the whole batch, however it is cut or spread."""

    count: float
    """Learnt positions."""
    weight: float
    """Their weights summed."""

    @classmethod
    def of(cls, positions: Positions) -> Divisors:
        """A batch's own; of an empty one the losses are zero."""
        tiny = torch.finfo(torch.float32).tiny
        return cls(max(1, len(positions.targets_N)), max(tiny, float(positions.weights_N.sum())))


@dataclass(frozen=True)
class Measured:
    """Parts of the means, and the gradient of their weighted sum."""

    trace: torch.Tensor
    output: torch.Tensor
    gradient_N_V: torch.Tensor | None
    """None where neither has a weight."""


@dataclass(frozen=True)
class TokenLoss:
    """The number that is minimised, and its parts for people."""

    total: torch.Tensor
    trace: torch.Tensor
    output: torch.Tensor


def measure_tokens(
    hidden_N_H: torch.Tensor,
    head_V_H: torch.Tensor,
    positions: Positions,
    losses: TokenLosses,
    *,
    divisors: Divisors | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> TokenLoss:
    """The losses of N positions from the student's last hidden states; gradients reach hidden states and head.

    Args:
        hidden_N_H: the student's, at the positions before the tokens that are learnt.
        head_V_H: its output embeddings, the real tokens alone: rows that pad a vocabulary are left out.
        positions: what is learnt there.
        losses: which, and how much each counts.
        divisors: of the whole batch, where this is a part of it.
        chunk_bytes: logits that are held at a time.
    """
    call = _Call(positions, losses, divisors or Divisors.of(positions), chunk_bytes)
    return TokenLoss(*cast(Any, _Chunked).apply(hidden_N_H, head_V_H, call))


@dataclass(frozen=True)
class _Call:
    positions: Positions
    losses: TokenLosses
    divisors: Divisors
    chunk_bytes: int


class _Chunked(torch.autograd.Function):
    """Forward computes the gradients, too; backward scales them by what comes from above, once, and hands them over: a
    head's gradient is as large as the head."""

    @staticmethod
    def forward(ctx: Any, hidden_N_H: torch.Tensor, head_V_H: torch.Tensor, call: _Call) -> tuple[torch.Tensor, ...]:
        wants_hidden, wants_head = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        hidden_gradient = torch.zeros_like(hidden_N_H) if wants_hidden else None
        head_gradient = torch.zeros_like(head_V_H) if wants_head else None
        trace, output = (hidden_N_H.new_zeros((), dtype=torch.float32) for _ in range(2))
        step = max(1, call.chunk_bytes // (4 * head_V_H.shape[0]))
        for start in range(0, hidden_N_H.shape[0], step):
            rows = slice(start, start + step)
            logits_C_V = (hidden_N_H[rows] @ head_V_H.T).float()
            measured = call.losses.measure(logits_C_V, call.positions.rows(rows), call.divisors)
            del logits_C_V
            trace, output = trace + measured.trace, output + measured.output
            if measured.gradient_N_V is None:
                continue
            gradient_C_V = measured.gradient_N_V.to(head_V_H.dtype)
            if hidden_gradient is not None:
                hidden_gradient[rows] = gradient_C_V @ head_V_H
            if head_gradient is not None:
                head_gradient.addmm_(gradient_C_V.T, hidden_N_H[rows])
        ctx.gradients = [hidden_gradient, head_gradient]
        ctx.mark_non_differentiable(trace, output)
        return call.losses.trace * trace + call.losses.output * output, trace, output

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        if ctx.gradients is None:
            raise RuntimeError(
                "the gradients of these losses were handed over: measure again for another backward pass"
            )
        given, ctx.gradients = ctx.gradients, None
        return *(None if gradient is None else gradient.mul_(gradients[0]) for gradient in given), None
