"""Texts with planted near duplicates of several kinds, and digit-only variants, for `bench dedup` without a file.

Words are made of syllables and drawn by Zipf's law; one sentence in eight is a stock sentence that many texts share, so
that texts which are no duplicates still have something in common.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import accumulate

_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_VOCABULARY_WORDS, _STOCK_SENTENCES = 6_000, 400
_NUMBER_SHARE, _STOCK_SHARE = 0.04, 0.125
_SENTENCE_WORDS = (6, 18)
_EDIT_SHARES = (0.01, 0.02, 0.04, 0.06)


class TextMaker:
    """Draws texts; the same seed draws the same ones."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._words = [
            "".join(self.rng.choices(_SYLLABLES, k=self.rng.randint(1, 4))) for _ in range(_VOCABULARY_WORDS)
        ]
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(_VOCABULARY_WORDS)))
        self._stock = [self._sentence() for _ in range(_STOCK_SENTENCES)]

    def text(self, words: int) -> str:
        """A text of about so many words."""
        sentences: list[str] = []
        while sum(map(_count, sentences)) < words:
            is_stock = self.rng.random() < _STOCK_SHARE
            sentences.append(self.rng.choice(self._stock) if is_stock else self._sentence())
        return " ".join(sentences)

    def word(self) -> str:
        """One word."""
        return self.rng.choices(self._words, cum_weights=self._weights)[0]

    def variant(self, text: str) -> str:
        """The text with one or several numbers changed, and nothing else."""
        share = self.rng.choice((0.0, 0.3, 1.0))
        numbers = [match.span() for match in re.finditer(r"\d+", text)]
        chosen = {self.rng.choice(numbers), *(span for span in numbers if self.rng.random() < share)}
        parts, end = list[str](), 0
        for start, stop in sorted(chosen):
            parts += [text[end:start], _other_number(self.rng, text[start:stop])]
            end = stop
        return "".join(parts) + text[end:]

    def copy(self, text: str) -> tuple[str, str]:
        """A near duplicate, and which kind of one."""
        kind = self.rng.choice(list(_KINDS))
        return _KINDS[kind](self, text), kind

    def _sentence(self) -> str:
        words = [self._word_or_number() for _ in range(self.rng.randint(*_SENTENCE_WORDS))]
        return " ".join(words).capitalize() + self.rng.choice("...?!")

    def _word_or_number(self) -> str:
        return str(self.rng.randint(2, 999)) if self.rng.random() < _NUMBER_SHARE else self.word()


def _count(sentence: str) -> int:
    return sentence.count(" ") + 1


def _other_number(rng: random.Random, number: str) -> str:
    other = number
    while other == number:
        other = str(rng.randint(2, 999))
    return other


def _edit(maker: TextMaker, text: str, change: Callable[[str], str]) -> str:
    share = maker.rng.choice(_EDIT_SHARES)
    words = [change(word) if word.isalpha() and maker.rng.random() < share else word for word in text.split()]
    return " ".join(word for word in words if word)


def _misspell(maker: TextMaker, word: str) -> str:
    place = maker.rng.randrange(len(word))
    return word[:place] + maker.rng.choice("aeiounrst") + word[place:]


def _swap_sentences(maker: TextMaker, text: str) -> str:
    sentences = re.split(r"(?<=[.?!]) ", text)
    for _ in range(3):
        first, second = maker.rng.randrange(len(sentences)), maker.rng.randrange(len(sentences))
        sentences[first], sentences[second] = sentences[second], sentences[first]
    return " ".join(sentences)


def _cut(maker: TextMaker, text: str) -> str:
    words = text.split()
    return " ".join(words[: int(len(words) * maker.rng.uniform(0.75, 0.95))])


_KINDS: dict[str, Callable[[TextMaker, str], str]] = {
    "words replaced": lambda maker, text: _edit(maker, text, lambda _: maker.word()),
    "words left out": lambda maker, text: _edit(maker, text, lambda _: ""),
    "words put in": lambda maker, text: _edit(maker, text, lambda word: f"{word} {maker.word()}"),
    "misspelt": lambda maker, text: _edit(maker, text, lambda word: _misspell(maker, word)),
    "sentences swapped": _swap_sentences,
    "cut off": _cut,
    "something before": lambda maker, text: f"{maker.text(30)} {text}",
    "something after": lambda maker, text: f"{text} {maker.text(30)}",
    "other case and punctuation": lambda _, text: re.sub(r"[.?!]", " ;", text.upper()).replace(" ", "  "),
}
