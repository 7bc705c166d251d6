"""Processes that train one student together, as `accelerate launch` starts them: what each has, and what they exchange.

The student's weights, gradients and optimizer are sharded over them (FSDP); each reads its share of every batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed
from torch.distributed.tensor import DTensor, distribute_tensor

LessonT = TypeVar("LessonT")


@dataclass(frozen=True)
class Processes:
    """Those of a training, seen from one of them."""

    count: int
    index: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether it is the one that writes and reports."""
        return self.index == 0

    @property
    def has_bfloat16(self) -> bool:
        """Whether its hardware multiplies bfloat16. On CPUs weights are the same again only in float32."""
        return self.device.type == "cuda" and torch.cuda.is_bf16_supported()

    def share(self, lessons: Sequence[LessonT]) -> list[LessonT]:
        """This one's of a batch; all of it in each process where it has fewer than there are processes."""
        return list(lessons[self.index :: self.count] if len(lessons) >= self.count else lessons)

    def scale(self, lessons: Sequence[object]) -> float:
        """What a share's loss is multiplied by, so that the mean of all processes' gradients is the batch's."""
        return float(self.count) if len(lessons) >= self.count else 1.0

    def add_up(self, parts: Mapping[str, float], scale: float) -> dict[str, float]:
        """The whole batch's parts of the loss."""
        if self.count == 1:
            return dict(parts)
        values = torch.tensor([parts[name] * scale / self.count for name in parts], device=self.device)
        distributed.all_reduce(values)
        return dict(zip(parts, values.tolist(), strict=True))

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            distributed.barrier()


def join_processes() -> Processes:
    """The processes that this one was started with; it alone where it was started by itself."""
    has_gpu = torch.cuda.is_available()
    if "LOCAL_RANK" not in os.environ:
        return Processes(1, 0, torch.device("cuda" if has_gpu else "cpu"))
    from accelerate import PartialState

    # Otherwise transformers loads weights in the first process alone and zeros in the others, the teacher's too.
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    state = PartialState(cpu=not has_gpu)
    device = state.device if has_gpu and state.device is not None else torch.device("cpu")
    return Processes(state.num_processes, state.process_index, device)


def shard(learner: Any, layers: Iterable[Any], processes: Processes) -> None:
    """Spread the learner's weights over the processes, layer by layer; nothing where there is one."""
    if processes.count == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(processes.device.type, (processes.count,))
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(learner, mesh=mesh)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor with all of its shards; every process has to ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A whole tensor as another one of its shape is spread."""
    if isinstance(other, DTensor) and tensor.shape == other.shape:
        return distribute_tensor(tensor, other.device_mesh, other.placements)
    return tensor
