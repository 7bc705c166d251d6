"""The embedded teacher, made from nothing: a small Llama that learns to work arithmetic step by step.

The one training run that does not read a release: somebody has to be the first teacher. Its problems are never held
out (`is_held_out`), so that every later figure on held-out problems is about problems that no weight has seen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from pydantic import Field
from torch.nn import functional
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from tracewright.distill.arithmetic_model import build_model, build_tokenizer
from tracewright.distill.batches import IGNORED, Example, batch_by_length, collate, encode_example
from tracewright.distill.optimization import Optimizer
from tracewright.pipeline.sources.arithmetic import draw_expression, format_expression, work_solution
from tracewright.schemas import is_held_out
from tracewright.schemas.base import Frozen

_WINDOW = 2048
"""Examples that are sorted by length together."""


class TeacherTraining(Frozen):
    """How the embedded teacher is trained. The defaults made the one that ships."""

    layers: int = 4
    hidden_size: int = 128
    intermediate_size: int = 640
    """A multiple of 128, so that group-wise int4 can quantize it."""
    steps: int = Field(default=2400, gt=0)
    batch_size: int = Field(default=64, gt=0)
    learning_rate: float = Field(default=0.02, gt=0)
    operator_weights: tuple[int, ...] = (20, 30, 30, 12, 8)
    """How often a problem has 1, 2, … operators. Few have 4 or 5: the teacher is to make honest mistakes there."""
    seed: int = 0


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training run stands."""

    step: int
    total_steps: int
    loss: float
    tokens_per_second: float
    seconds: float


def train_teacher(
    config: TeacherTraining, report: Callable[[TrainingProgress], None]
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """Train the teacher; the same config gives the same weights on the same kind of processor."""
    torch.manual_seed(config.seed)
    tokenizer = build_tokenizer()
    model = build_model(config.layers, config.hidden_size, config.intermediate_size)
    # Not ours, whose rounding is another: soon each leads elsewhere, and the teacher that ships went this way.
    optimizer = Optimizer(model, config.learning_rate, config.steps, muon=torch.optim.Muon)
    started, tokens = time.monotonic(), 0
    batches = batch_by_length(
        _draw_examples(config, tokenizer),
        batch_size=config.batch_size,
        window=_WINDOW,
        rng=random.Random(config.seed),  # noqa: S311 - reproducible, nothing secret
    )
    for step, examples in zip(range(1, config.steps + 1), batches, strict=False):
        loss = _learn(model, examples, int(tokenizer.pad_token_id))  # pyright: ignore[reportArgumentType]
        optimizer.step()
        tokens += sum(map(len, examples))
        seconds = time.monotonic() - started
        report(TrainingProgress(step, config.steps, loss, tokens / seconds, seconds))
    return model.eval(), tokenizer


def _draw_examples(config: TeacherTraining, tokenizer: PreTrainedTokenizerBase) -> Iterator[Example]:
    rng = random.Random(config.seed)  # noqa: S311 - reproducible, nothing secret
    levels = range(1, len(config.operator_weights) + 1)
    while True:
        expression = draw_expression(rng, rng.choices(levels, config.operator_weights)[0])
        question = format_expression(expression)
        if not is_held_out(question):
            yield encode_example(tokenizer, question, work_solution(expression))


def _learn(model: LlamaForCausalLM, examples: list[Example], pad_id: int) -> float:
    batch = collate(examples, pad_id)
    # bf16 matrix products are half as fast again on CPUs that have them, and as exact as this needs to be.
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=batch.tokens_B_L).logits
    loss = functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), batch.labels_B_L[:, 1:].flatten(), ignore_index=IGNORED
    )
    loss.backward()
    return loss.item()
