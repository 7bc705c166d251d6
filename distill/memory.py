"""What a training takes in memory: predicted from its sizes, and measured."""

from __future__ import annotations

import resource
import sys
from typing import Any

import psutil
import torch

from tracewright.distill.course import Course
from tracewright.distill.losses.tokens import CHUNK_BYTES

_FLOAT = 4
_COPIES = 4
"""Of a learnt number: itself, its gradient, and what the optimizer keeps (Muon one, AdamW two)."""
_KEPT_PER_LAYER = 14
"""Activations of a layer that its gradient needs, in widths of the hidden state; measured on Llama at 90 tokens."""
_CHUNK_COPIES = 5
"""Logits of a chunk and what is computed from them."""


def predict_memory(course: Course, model: Any) -> int:
    """Bytes at the peak, beside those that Python and its libraries take: weights, optimizer, activations, maps of
    plain attention, and a chunk of logits."""
    config, shape = course.config.training, course.shape
    learnt = sum(parameter.numel() for parameter in model.parameters())
    rows = -(-config.batch_size // config.accumulate)
    activations = (
        rows * course.max_tokens * shape.layers * (_KEPT_PER_LAYER * shape.hidden_size + 3 * shape.intermediate_size)
    )
    maps = rows * model.config.num_attention_heads * course.max_tokens**2 * shape.layers * 3
    logits = min(CHUNK_BYTES, rows * course.max_tokens * course.teacher.vocabulary * _FLOAT)
    return (_COPIES * learnt + activations + maps) * _FLOAT + _CHUNK_COPIES * logits


class MemoryMeter:
    """What was predicted of a training, and what it has taken until now, in bytes."""

    def __init__(self, predicted: int, device: torch.device) -> None:
        self.predicted = predicted
        self._device = device
        self._before = self._measure_now()

    @property
    def peak(self) -> int:
        """The process's largest resident set; on a GPU, the most that was allocated there."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    @property
    def added(self) -> int:
        """The peak beside what the process held before."""
        return max(0, self.peak - self._before)

    def _measure_now(self) -> int:
        return (
            torch.cuda.memory_allocated(self._device)
            if self._device.type == "cuda"
            else psutil.Process().memory_info().rss
        )
