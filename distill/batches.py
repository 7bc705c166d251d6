"""Token batches with exact masks: only what the model has to write is learnt."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
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
    token_weights: tuple[float, ...] | None = None
    """How much each token of the completion counts beside that; equally where left out."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the completion's tokens."""
        if self.token_weights is None:
            return (self.weight,) * len(self.completion)
        return tuple(self.weight * weight for weight in self.token_weights)


@dataclass(frozen=True)
class Batch:
    """Examples in rows that are padded on the right. B rows, L tokens."""

    tokens_B_L: torch.Tensor
    labels_B_L: torch.Tensor
    """The token itself where it is learnt, else IGNORED; not shifted."""
    places: tuple[tuple[int, int], ...]
    """Row and first column of each example, in the order of the rows."""
    positions_B_L: torch.Tensor | None = None
    """Where rows hold several examples: each token's place in its own."""
    owners_B_L: torch.Tensor | None = None
    """Where rows hold several examples: which one each token belongs to; −1 for padding."""

    @property
    def learnt_tokens(self) -> int:
        """How many positions are learnt."""
        return int((self.labels_B_L != IGNORED).sum())

    def attention_mask(self) -> torch.Tensor | None:
        """Where rows hold several examples: 0 where a token may look, else the least number. B × 1 × L × L."""
        if self.owners_B_L is None:
            return None
        same_B_L_L = self.owners_B_L[:, :, None] == self.owners_B_L[:, None, :]
        hidden = torch.zeros(same_B_L_L.shape).masked_fill_(~same_B_L_L.tril(), torch.finfo(torch.float32).min)
        return hidden[:, None]


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
    return _lay_out(examples, [(row, 0) for row in range(len(examples))], pad_id, multiple)


def pack(examples: Sequence[Example], pad_id: int, capacity: int, multiple: int = 1) -> Batch:
    """The examples one after another in rows of up to `capacity` tokens, in their order; none sees another.

    A row is longer only where one example alone is.
    """
    places: list[tuple[int, int]] = []
    row = column = 0
    for example in examples:
        if column and column + len(example) > capacity:
            row, column = row + 1, 0
        places.append((row, column))
        column += len(example)
    batch = _lay_out(examples, places, pad_id, multiple)
    positions, owners = torch.zeros_like(batch.tokens_B_L), torch.full_like(batch.tokens_B_L, -1)
    for number, (example, (row, start)) in enumerate(zip(examples, places, strict=True)):
        positions[row, start : start + len(example)] = torch.arange(len(example))
        owners[row, start : start + len(example)] = number
    return replace(batch, positions_B_L=positions, owners_B_L=owners)


def _lay_out(examples: Sequence[Example], places: Sequence[tuple[int, int]], pad_id: int, multiple: int) -> Batch:
    longest = max(start + len(example) for example, (_, start) in zip(examples, places, strict=True))
    rows, length = places[-1][0] + 1, -(-longest // multiple) * multiple
    tokens = torch.full((rows, length), pad_id, dtype=torch.long)
    labels = torch.full((rows, length), IGNORED, dtype=torch.long)
    for example, (row, first) in zip(examples, places, strict=True):
        start, end = first + len(example.prompt), first + len(example)
        tokens[row, first:end] = torch.tensor([*example.prompt, *example.completion])
        labels[row, start:end] = torch.tensor(example.completion)
    return Batch(tokens, labels, tuple(places))


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
