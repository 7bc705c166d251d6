r"""What a student takes over from its teacher's weights.

The teacher's embeddings E (tokens × H) are projected on their S main directions, the right singular vectors P (H × S):
E P keeps as much of the differences between tokens as S numbers can. Frozen, the student reads E W, in which only W
learns, from P on; at the end both are folded into one matrix. Cut layers are the teacher's evenly chosen ones: what
reads the residual stream is multiplied by P, what writes to it by its transpose; of heads the first are kept, of the
feed-forward part the rows that are largest.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from tracewright.distill.layer_map import map_layers

_READS = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")


class FoldedEmbedding(nn.Module):
    """A frozen matrix times one that learns, in place of an embedding's weight."""

    frozen_V_H: torch.Tensor

    def __init__(self, frozen_V_H: torch.Tensor, first_H_S: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("frozen_V_H", frozen_V_H.clone(), persistent=False)
        self._first_H_S = first_H_S

    def forward(self, learnt_H_S: torch.Tensor) -> torch.Tensor:
        """The embeddings that the student reads."""
        return self.frozen_V_H @ learnt_H_S

    def right_inverse(self, weight_V_S: torch.Tensor) -> torch.Tensor:
        """What learning begins with."""
        return self._first_H_S.clone()


def find_directions(embeddings_V_H: torch.Tensor, width: int) -> torch.Tensor:
    """The main directions of the teacher's embeddings, H × S with orthonormal columns; signs are fixed, so that the
    same embeddings give the same directions."""
    vectors_S_H = torch.linalg.svd(embeddings_V_H.double(), full_matrices=True).Vh[:width]
    largest = vectors_S_H.gather(1, vectors_S_H.abs().argmax(dim=1, keepdim=True))
    return (vectors_S_H * largest.sign()).T.float()


@torch.no_grad()
def inherit_embeddings(student: Any, teacher: Any, *, freeze: bool) -> None:
    """Put the projected embeddings into an untrained student; frozen ones are learnt through a projection alone."""
    source = teacher.get_input_embeddings().weight.float()
    directions_H_S = find_directions(source, student.config.hidden_size)
    tied = student.config.tie_word_embeddings
    pairs = [(student.get_input_embeddings(), source)]
    if not tied:
        pairs.append((student.get_output_embeddings(), teacher.get_output_embeddings().weight.float()))
    for module, weight_V_H in pairs:
        module.weight.copy_(weight_V_H @ directions_H_S)
        if freeze:
            folded = FoldedEmbedding(weight_V_H, directions_H_S)
            parametrize.register_parametrization(module, "weight", folded, unsafe=True)
    if freeze and tied:  # what it shared is computed now; `head_weight` reads the embeddings' own
        student.get_output_embeddings().weight.requires_grad_(False)


def head_weight(student: Any) -> torch.Tensor:
    """The output embeddings that a student computes its logits with."""
    embeddings = student.get_input_embeddings()
    if student.config.tie_word_embeddings and parametrize.is_parametrized(embeddings):
        return embeddings.weight
    return student.get_output_embeddings().weight


@torch.no_grad()
def fold_embeddings(student: Any) -> None:
    """One matrix again, as every engine loads it."""
    for module in (student.get_input_embeddings(), student.get_output_embeddings()):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    student.tie_weights()


@torch.no_grad()
def inherit_layers(student: Any, teacher: Any) -> None:
    """Cut the teacher's layers to the student's sizes. Norms stay as they are made: their scale is another width's."""
    directions_H_S = find_directions(teacher.get_input_embeddings().weight.float(), student.config.hidden_size)
    ours, theirs = student.base_model.layers, teacher.base_model.layers
    for own, other in map_layers(len(ours), len(theirs)):
        rows = _largest_rows(theirs[other].mlp, student.config.intermediate_size)
        for name, module in ours[own].named_modules():
            if isinstance(module, nn.Linear):
                source = theirs[other].get_submodule(name).weight.float()
                module.weight.copy_(_cut(name.rsplit(".", 1)[-1], source, directions_H_S, rows, module.weight.shape))


def _cut(
    name: str, source: torch.Tensor, directions_H_S: torch.Tensor, rows: torch.Tensor, shape: torch.Size
) -> torch.Tensor:
    if name in _READS:
        reading = source @ directions_H_S
        return reading[rows] if name in ("gate_proj", "up_proj") else reading[: shape[0]]
    writing = directions_H_S.T @ source
    return writing[:, rows] if name == "down_proj" else writing[:, : shape[1]]


def _largest_rows(mlp: Any, count: int) -> torch.Tensor:
    size = mlp.gate_proj.weight.norm(dim=1) * mlp.up_proj.weight.norm(dim=1) * mlp.down_proj.weight.norm(dim=0)
    if len(size) < count:
        return torch.arange(count) % len(size)
    return size.topk(count).indices.sort().values
