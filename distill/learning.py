"""One batch: forward, every loss that has a weight, backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tracewright.distill.batches import IGNORED, Batch, collate, pack
from tracewright.distill.data import Lesson
from tracewright.distill.inheritance import head_weight
from tracewright.distill.insides import Inside, LayerPairs, choose_window
from tracewright.distill.loss_config import LossConfig
from tracewright.distill.losses import Divisors, Positions, Teaching, TokenLosses, measure_tokens
from tracewright.distill.losses.attention import cut_map, pool_heads, sum_row_distances
from tracewright.distill.losses.hidden import Projections, sum_state_distances

_LENGTH_MULTIPLE = 8
"""Lengths are padded to it: fewer shapes, each of which CPU kernels keep memory for."""
PACKED_TOKENS = 512
"""Of a row of packed examples, unless one alone is longer."""


class Learner(nn.Module):
    """The student, and what is learnt beside it and thrown away."""

    def __init__(
        self,
        student: Any,
        vocabulary: int,
        pairs: LayerPairs | None = None,
        teacher_width: int = 0,
        *,
        with_value: bool = False,
        in_bfloat16: bool = False,
    ) -> None:
        super().__init__()
        self.student = student
        self.in_bfloat16 = in_bfloat16
        """Whether the student's layers multiply in bfloat16; its weights and the losses are float32 either way."""
        self.vocabulary = vocabulary
        """The number of real tokens: logits may be padded beyond it."""
        self.pairs = pairs or LayerPairs()
        self.projections: Projections | None = None
        if self.pairs.hidden:
            self.projections = Projections(len(self.pairs.hidden), student.config.hidden_size, teacher_width)
        self.value = nn.Linear(student.config.hidden_size, 1) if with_value else None

    def forward(
        self,
        lessons: Sequence[Lesson],
        losses: LossConfig,
        taught: Taught,
        fraction: float,
        totals: Totals,
        packing: bool,
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The weighted loss of a batch, and its parts; weights that are spread over processes are whole in here."""
        batch = lay_out(lessons, packing=packing)
        given = _forward(self, batch)
        total, parts = _measure_outputs(self, lessons, batch, given, losses, taught, fraction, totals)
        if self.pairs.attention:
            value = _measure_attention(self, lessons, batch, given, losses, taught.insides) / totals.rows
            total = total + losses.attention.weight / losses.total * value
            parts["attention"] = value.item()
        if self.projections is not None:
            value = _measure_hidden(self, batch, given, losses, taught.insides) / totals.tokens.count
            total = total + losses.hidden.weight / losses.total * value
            parts["hidden"] = value.item()
        return total, parts


@dataclass(frozen=True)
class Taught:
    """What the teacher says of a batch."""

    outcomes: Teaching | None = None
    insides: Sequence[Inside] = ()


@dataclass(frozen=True)
class Totals:
    """What the sums over a batch are divided by, however the batch is cut into parts or spread over processes."""

    tokens: Divisors
    rows: float
    """Of attention maps."""

    @classmethod
    def of(cls, lessons: Sequence[Lesson], losses: LossConfig) -> Totals:
        """A whole batch's."""
        weight = sum(sum(lesson.example.weights) for lesson in lessons)
        count = sum(len(lesson.example.completion) for lesson in lessons)
        rows = sum(choose_window(lesson, losses.attention)[1] for lesson in lessons) if losses.attention.weight else 0
        return cls(Divisors(max(1, count), max(torch.finfo(torch.float32).tiny, weight)), max(1, rows))


def learn_batch(
    learner: Learner,
    lessons: Sequence[Lesson],
    losses: LossConfig,
    taught: Taught = Taught(),
    *,
    fraction: float = 0.0,
    totals: Totals | None = None,
    packing: bool = False,
    scale: float = 1.0,
) -> dict[str, float]:
    """One batch, or a part of it; the gradients are added to those in the learner.

    Args:
        learner: the student and its projections.
        lessons: of the batch.
        losses: which, and how much each counts.
        taught: what the teacher says of these lessons.
        fraction: of the training that is done.
        totals: of the whole batch, where this is a part of it.
        packing: whether several examples share a row.
        scale: of the gradients.

    Returns:
        The parts of the loss, before weighting.
    """
    total, parts = learner(lessons, losses, taught, fraction, totals or Totals.of(lessons, losses), packing)
    (total * scale).backward()
    return parts


def lay_out(lessons: Sequence[Lesson], *, packing: bool = False) -> Batch:
    """The lessons' examples as a batch, one a row or several."""
    examples = [lesson.example for lesson in lessons]
    if packing:
        return pack(examples, pad_id=0, capacity=PACKED_TOKENS, multiple=_LENGTH_MULTIPLE)
    return collate(examples, pad_id=0, multiple=_LENGTH_MULTIPLE)


def _forward(learner: Learner, batch: Batch) -> Any:
    device = next(learner.parameters()).device
    asked: dict[str, Any] = {}
    mask = batch.attention_mask()
    if mask is not None and batch.positions_B_L is not None:
        asked |= {"attention_mask": mask.to(device), "position_ids": batch.positions_B_L.to(device)}
    if learner.pairs.attention:
        asked["output_attentions"] = True
    if learner.pairs.hidden:
        asked["output_hidden_states"] = True
    with torch.autocast(device.type, torch.bfloat16, enabled=learner.in_bfloat16):
        return learner.student.base_model(input_ids=batch.tokens_B_L.to(device), **asked)


def _measure_outputs(
    learner: Learner,
    lessons: Sequence[Lesson],
    batch: Batch,
    given: Any,
    losses: LossConfig,
    taught: Taught,
    fraction: float,
    totals: Totals,
) -> tuple[torch.Tensor, dict[str, float]]:
    """Trace and output loss at the positions before what the teacher wrote."""
    device = given.last_hidden_state.device
    labels_B_L = batch.labels_B_L[:, 1:].to(device)
    learnt_B_L = labels_B_L != IGNORED
    weights_N = torch.tensor([weight for lesson in lessons for weight in lesson.example.weights], device=device)
    positions = Positions(labels_B_L[learnt_B_L], weights_N, taught.outcomes)
    head_V_H = head_weight(learner.student)[: learner.vocabulary]
    how = TokenLosses.of(losses, fraction)
    hidden_N_H = given.last_hidden_state[:, :-1][learnt_B_L].float()
    loss = measure_tokens(hidden_N_H, head_V_H, positions, how, divisors=totals.tokens)
    parts = {"trace": loss.trace.item()}
    return loss.total, parts | ({"output": loss.output.item()} if taught.outcomes else {})


def _measure_attention(
    learner: Learner,
    lessons: Sequence[Lesson],
    batch: Batch,
    given: Any,
    losses: LossConfig,
    insides: Sequence[Inside],
) -> torch.Tensor:
    maps = pool_heads(given.attentions, [layer for layer, _ in learner.pairs.attention]).unbind(0)
    distances: list[torch.Tensor] = []
    for lesson, (row, column), inside in zip(lessons, batch.places, insides, strict=True):
        start, length = choose_window(lesson, losses.attention)
        assert inside.maps_M_K_K is not None  # noqa: S101
        distances.append(sum_row_distances(cut_map(maps[row], column + start, length), inside.maps_M_K_K))
    return torch.stack(distances).sum()


def _measure_hidden(
    learner: Learner, batch: Batch, given: Any, losses: LossConfig, insides: Sequence[Inside]
) -> torch.Tensor:
    learnt_B_L = batch.labels_B_L[:, 1:].to(given.last_hidden_state.device) != IGNORED
    states = [given.hidden_states[layer + 1][:, :-1][learnt_B_L].float() for layer, _ in learner.pairs.hidden]
    wanted = torch.cat([inside.hidden_M_N_H for inside in insides if inside.hidden_M_N_H is not None], dim=1)
    assert learner.projections is not None  # noqa: S101
    return sum_state_distances(learner.projections(states), wanted, losses.hidden.measure)
