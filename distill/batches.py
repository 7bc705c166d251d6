"""Token batches with exact masks: only what the model has to write is learnt."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import TypeVar

import torch
from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label of a position that is not learnt."""


@dataclass(frozen=True)
class Example:
    """One prompt and completion as token ids; the completion ends with the end token."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    weight: float = 1.0
    """How much each of its learnt positions counts."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Batch:
    """Examples padded on the right. B examples, L tokens."""

    tokens_B_L: torch.Tensor
    labels_B_L: torch.Tensor
    """The token itself where it is learnt, else IGNORED; not shifted."""

    @property
    def learnt_tokens(self) -> int:
        """How many positions are learnt."""
        return int((self.labels_B_L != IGNORED).sum())


def encode_example(tokenizer: PreTrainedTokenizerBase, question: str, completion: str) -> Example:
    """The question in the tokenizer's chat template, and the completion with its end token."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
    )
    encode = tokenizer.encode
    return Example(
        prompt=tuple(encode(str(prompt), add_special_tokens=False)),
        completion=(*encode(completion, add_special_tokens=False), int(tokenizer.eos_token_id)),  # pyright: ignore
    )


def collate(examples: Sequence[Example], pad_id: int, multiple: int = 1) -> Batch:
    """The examples as one rectangular batch, as long as the longest one rounded up to a multiple."""
    length = -(-max(len(example) for example in examples) // multiple) * multiple
    tokens = torch.full((len(examples), length), pad_id, dtype=torch.long)
    labels = torch.full((len(examples), length), IGNORED, dtype=torch.long)
    for row, example in enumerate(examples):
        start, end = len(example.prompt), len(example)
        tokens[row, :end] = torch.tensor([*example.prompt, *example.completion])
        labels[row, start:end] = torch.tensor(example.completion)
    return Batch(tokens, labels)


ExampleT = TypeVar("ExampleT", bound=Sized)


def batch_by_length(
    examples: Iterable[ExampleT], *, batch_size: int, window: int, rng: random.Random
) -> Iterator[list[ExampleT]]:
    """Batches of examples of like length: each window of the stream is sorted, cut into batches and shuffled.

    Padding falls from about half of all tokens to a tenth. The order depends on the stream and `rng` alone.
    """
    buffer: list[ExampleT] = []
    for example in examples:
        buffer.append(example)
        if len(buffer) == window:
            yield from _cut(buffer, batch_size, rng)
            buffer = []
    yield from _cut(buffer, batch_size, rng)


def _cut(window: list[ExampleT], batch_size: int, rng: random.Random) -> Iterator[list[ExampleT]]:
    ordered = sorted(window, key=len)
    batches = [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    rng.shuffle(batches)
    yield from batches
