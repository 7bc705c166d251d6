"""One output loss on random hidden states, in a process of its own: how long it takes and how much memory it adds.

The first line of stdin names the loss and the sizes; each further line asks for one forward and backward pass.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

BETA, TEMPERATURE = 0.5, 2.0
_LIGER_CHUNK = 256


def main() -> None:
    """Answer each line with seconds, value, norms of the gradients and the memory added until now."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    task = json.loads(sys.stdin.readline())
    torch.set_num_threads(task["threads"])
    tensors = _draw(task)
    measure = {"tracewright": _tracewright, "liger": _liger}[task["loss"]](tensors)
    before = _peak_mib()
    print("ready", file=out)
    for _ in sys.stdin:
        for tensor in tensors[:2]:
            tensor.grad = None
        began = time.perf_counter()
        value = measure()
        value.backward()
        seconds = time.perf_counter() - began
        norms = [float(tensor.grad.norm()) for tensor in tensors[:2] if tensor.grad is not None]
        answer = {"seconds": seconds, "value": value.item(), "norms": norms, "peak_mib": _peak_mib() - before}
        print(json.dumps(answer), file=out)


def _draw(task: dict[str, Any]) -> list[torch.Tensor]:
    """Hidden states and heads of student and teacher; the memory that drawing takes is given back before measuring."""
    generator = torch.Generator().manual_seed(task["seed"])
    tokens, vocabulary = task["tokens"], task["vocabulary"]

    def draw(*shape: int, scale: float) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).mul_(scale)

    student, teacher = task["student_width"], task["teacher_width"]
    return [
        draw(tokens, student, scale=1.0).requires_grad_(),
        draw(vocabulary, student, scale=student**-0.5 * 2).requires_grad_(),
        draw(tokens, teacher, scale=1.0),
        draw(vocabulary, teacher, scale=teacher**-0.5 * 2),
    ]


def _tracewright(tensors: list[torch.Tensor]) -> Callable[[], torch.Tensor]:
    from tracewright.distill.loss_config import Divergence
    from tracewright.distill.losses import HiddenDistribution, OutputLoss, Positions, TokenLosses, measure_tokens

    hidden, head, teacher_hidden, teacher_head = tensors
    count = len(hidden)
    losses = TokenLosses(0.0, 1.0, OutputLoss(TEMPERATURE, Divergence.JSD, BETA))
    positions = Positions(
        torch.zeros(count, dtype=torch.long), torch.ones(count), HiddenDistribution(teacher_hidden, teacher_head)
    )
    return lambda: measure_tokens(hidden, head, positions, losses).total


def _liger(tensors: list[torch.Tensor]) -> Callable[[], torch.Tensor]:
    """Liger's value is without × T²; nothing else differs."""
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    hidden, head, teacher_hidden, teacher_head = tensors
    labels = torch.zeros(len(hidden), dtype=torch.long)
    loss = LigerFusedLinearJSDLoss(
        weight_hard_loss=0.0,
        weight_soft_loss=1.0,
        beta=BETA,
        temperature=TEMPERATURE,
        compiled=False,
        chunk_size=_LIGER_CHUNK,
    )
    return lambda: TEMPERATURE**2 * loss(hidden, head, teacher_hidden, teacher_head, labels)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
