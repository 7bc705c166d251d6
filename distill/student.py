"""A student's shape from the share of its teacher's parameters, and the untrained student of that shape."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from tracewright.distill.config import (
    HIDDEN_MULTIPLE,
    INTERMEDIATE_MULTIPLE,
    MAX_SHARE,
    MIN_SHARE,
    StudentShape,
)
from tracewright.schemas import InputError

_MIN_LAYERS = 2
"""One layer of attention can copy, but not look up what it has copied."""
_TOLERANCE = 0.08
"""How far from the share asked for a shape may be, relatively; shapes come in steps."""
_LOGIT_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling")
_GOOD_WIDENING = 8 / 3
"""Intermediate to hidden size, as Llama has it (Touvron et al. 2023)."""


def choose_shape(teacher_config: Any, share: float) -> StudentShape:
    """The widest shape of at least two layers with that share of the teacher's parameters, to within a twelfth.

    Of equally wide ones it is the one whose layers widen most like Llama's.

    Raises:
        InputError: no shape has that share; the message names the nearest one.
    """
    teacher = count_parameters(teacher_config)
    shapes = [(count / teacher, shape) for count, shape in _list_shapes(teacher_config, round(teacher * MAX_SHARE * 2))]
    within = [
        (known, shape)
        for known, shape in shapes
        if abs(known / share - 1) <= _TOLERANCE and MIN_SHARE <= known <= MAX_SHARE
    ]
    if not within:
        nearest = min(shapes, key=lambda one: abs(one[0] - share), default=None)
        hint = f"the nearest shape has {nearest[0]:.2%}" if nearest else "no shape is that small"
        raise InputError(
            f"no student has {share:.2%} of the teacher's {teacher:,} parameters ({hint}), expected a share from "
            f"{MIN_SHARE:.1%} to {MAX_SHARE:.1%} that its sizes can reach: ask for another share, or give the "
            "student's `shape` yourself"
        )
    return max(within, key=lambda one: (one[1].hidden_size, -_strangeness(one[1])))[1]


def check_head(teacher_config: Any) -> None:
    """Refuse a kind of model whose logits are not its last hidden states times its head: the losses start from those.

    Raises:
        InputError: it scales or caps its logits.
    """
    for name in _LOGIT_CHANGES:
        if getattr(teacher_config, name, None) not in (None, 1, 1.0):
            raise InputError(
                f"a {teacher_config.model_type} model changes its logits by {name}, expected a kind whose logits are "
                "plainly its head's: choose a teacher of another kind, Llama's or Qwen's for example"
            )


def build_student(teacher_config: Any, shape: StudentShape, seed: int) -> Any:
    """A randomly initialised model of the teacher's kind and vocabulary, in float32; the seed decides every weight."""
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(derive_config(teacher_config, shape), dtype=torch.float32)


def derive_config(teacher_config: Any, shape: StudentShape) -> Any:
    """The teacher's configuration with the student's sizes; the size of a head stays, and so does the share of heads
    that have keys and values of their own."""
    config = copy.deepcopy(teacher_config)
    head_size = _head_size(teacher_config)
    heads = max(1, shape.hidden_size // head_size)
    grouping = max(1, teacher_config.num_attention_heads // teacher_config.num_key_value_heads)
    config.num_hidden_layers = shape.layers
    config.hidden_size = shape.hidden_size
    config.intermediate_size = shape.intermediate_size
    config.head_dim = head_size
    config.num_attention_heads = heads
    config.num_key_value_heads = math.gcd(heads, max(1, heads // grouping))
    config.dtype = torch.float32
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[: shape.layers]
    return config


def count_parameters(config: Any) -> int:
    """Of the model that the configuration describes, tied weights once; no memory is taken for it."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


def _list_shapes(teacher_config: Any, limit: int) -> Iterator[tuple[int, StudentShape]]:
    """Every shape of up to `limit` parameters that is no deeper or wider than the teacher."""
    step = math.lcm(HIDDEN_MULTIPLE, _head_size(teacher_config))
    for hidden in range(step, teacher_config.hidden_size + 1, step):
        counts = _Counts(teacher_config, hidden)
        if counts.of(_MIN_LAYERS, INTERMEDIATE_MULTIPLE) > limit:
            return
        for layers in range(_MIN_LAYERS, teacher_config.num_hidden_layers + 1):
            intermediate = -(-hidden // INTERMEDIATE_MULTIPLE) * INTERMEDIATE_MULTIPLE
            while (count := counts.of(layers, intermediate)) <= limit:
                yield count, StudentShape(layers=layers, hidden_size=hidden, intermediate_size=intermediate)
                intermediate += INTERMEDIATE_MULTIPLE


@dataclass(frozen=True)
class _Counts:
    """Parameters of one width. They grow by the same for each layer and each row of its feed-forward part, so that
    three models tell them all, whatever biases and norms their kind has."""

    teacher_config: Any
    hidden: int

    @cached_property
    def _known(self) -> tuple[int, int, int]:
        one, wide, two = (self._count(*sizes) for sizes in ((1, 1), (1, 2), (2, 1)))
        return one, wide - one, two - one

    def of(self, layers: int, intermediate: int) -> int:
        one, row, layer = self._known
        return (
            one + (layers - 1) * layer + layers * (intermediate - INTERMEDIATE_MULTIPLE) // INTERMEDIATE_MULTIPLE * row
        )

    def _count(self, layers: int, multiple: int) -> int:
        sizes = {"layers": layers, "hidden_size": self.hidden, "intermediate_size": multiple * INTERMEDIATE_MULTIPLE}
        return count_parameters(derive_config(self.teacher_config, StudentShape.model_validate(sizes)))


def _strangeness(shape: StudentShape) -> float:
    return abs(math.log(shape.intermediate_size / shape.hidden_size / _GOOD_WIDENING))


def _head_size(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
