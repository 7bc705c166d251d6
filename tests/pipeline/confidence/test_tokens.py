"""Signals belong to the right step whatever the tokens: split characters, tokens over a step's end, real merges."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from itertools import accumulate, pairwise

import pytest

from tracewright.pipeline.confidence import step_signals
from tracewright.pipeline.steps import segment, token_spans

TEXTS = (
    "Step 1: 3×4=12 – gut.\n\nStep 2: √144=12 ✓\n\nAnswer: 12",
    "首先，3×4＝12。\n然后，12＋5＝17。\n答案：17",
    "1️⃣ 👩‍👩‍👧 sind 3\n2️⃣ 3+4=7 😀\n#### 7",
    "a=1\nb=2\nc=a+b=3\n",
)


def cut_bytes(text: str, rng: random.Random) -> list[bytes]:
    """Tokens of 1 to 7 bytes: nothing keeps them from ending inside a character or reaching over a step's end."""
    data = text.encode()
    cuts = sorted({0, len(data), *rng.sample(range(1, len(data)), len(data) // 4)})
    return [data[start:end] for start, end in pairwise(cuts)]


def count_complete(tokens: list[bytes]) -> list[int]:
    """How many characters are complete after each token."""
    return [len(data.decode(errors="ignore")) for data in accumulate(tokens)]


def first_characters(text: str, tokens: list[bytes]) -> list[int]:
    """For each token the number of the character that its first byte belongs to: not how `token_spans` finds it."""
    starts = [0, *accumulate(len(character.encode()) for character in text)]
    firsts = [0, *accumulate(map(len, tokens))][:-1]
    return [bisect_right(starts, first) - 1 for first in firsts]


def draw(rng: random.Random, count: int) -> list[float]:
    return [-rng.expovariate(1.5) for _ in range(count)]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("seed", range(25))
def test_each_token_counts_in_the_step_of_its_first_character_and_nowhere_else(text, seed):
    rng = random.Random(seed)
    tokens, spans = cut_bytes(text, rng), segment(text)
    found = token_spans(spans, count_complete(tokens))
    firsts = first_characters(text, tokens)
    for span, part in zip(spans, found, strict=True):
        assert [number for number, first in enumerate(firsts) if span.start <= first < span.end] == list(
            range(part.start, part.end)
        )
    logprobs, tops = draw(rng, len(tokens)), [sorted(draw(rng, 4), reverse=True) for _ in tokens]
    signals = step_signals(logprobs, found, tops)
    assert sum(step.tokens for step in signals if step) == len(tokens)
    assert math.fsum(step.tokens * step.mean_logprob for step in signals if step) == pytest.approx(math.fsum(logprobs))
    for part, step in zip(found, signals, strict=True):
        assert (step is None) == (part.start == part.end)
        if step:
            assert step.min_logprob == min(logprobs[part.start : part.end])
            assert step.margin == pytest.approx(min(row[0] - row[1] for row in tops[part.start : part.end]))


@pytest.mark.parametrize("text", TEXTS)
def test_merges_of_a_real_tokenizer_are_counted_the_same_way(text):
    from tokenizers import Tokenizer, decoders, models, trainers
    from tokenizers.decoders import DecodeStream
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = Tokenizer(models.BPE())
    # Without the regular expression merges reach over spaces and line ends.
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([one for one in TEXTS for _ in range(3)], trainer)
    ids = tokenizer.encode(text).ids
    stream, length, ends = DecodeStream(skip_special_tokens=False), 0, list[int]()
    for token in ids:
        length += len(stream.step(tokenizer, token) or "")
        ends.append(length)
    letters = {letter: byte for byte, letter in enumerate_bytes()}
    tokens = [bytes(letters[letter] for letter in tokenizer.id_to_token(token)) for token in ids]
    spans = segment(text)
    found = token_spans(spans, ends)
    firsts = first_characters(text, tokens)
    assert length == len(text)
    for span, part in zip(spans, found, strict=True):
        assert [number for number, first in enumerate(firsts) if span.start <= first < span.end] == list(
            range(part.start, part.end)
        )


def enumerate_bytes() -> list[tuple[int, str]]:
    """The letters that stand for bytes in byte-level vocabularies (Radford et al. 2019)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return [*((byte, chr(byte)) for byte in plain), *((byte, chr(256 + n)) for n, byte in enumerate(others))]
