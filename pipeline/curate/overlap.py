"""Runs of words that a text shares with a benchmark's problems."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracewright.pipeline.duplicates.shingles import hash_runs
from tracewright.pipeline.duplicates.tokens import Vocabulary, is_quantity, normalize, token_spans, tokenize

MAX_EVIDENCE_CHARACTERS = 600
MIN_HELD_WORDS = 6
"""What is shorter is looked for as a whole question alone: too many questions hold `what is 2 + 3`."""


@dataclass(frozen=True)
class BenchmarkItem:
    """One problem of a benchmark."""

    benchmark: str
    number: int
    """Its row in the file, from 1."""
    question: str


@dataclass(frozen=True)
class Overlap:
    """What a text shares with a benchmark's problem."""

    item: BenchmarkItem
    words: int
    """How many consecutive words, numbers and signs."""
    passage: str
    """As it was compared: in lower case and plain notation."""

    def describe(self) -> str:
        """The evidence as one line of JSON."""
        return json.dumps(
            {
                "passage": self.passage[:MAX_EVIDENCE_CHARACTERS],
                "benchmark": self.item.benchmark,
                "row": self.item.number,
                "question": self.item.question[:MAX_EVIDENCE_CHARACTERS],
            },
            ensure_ascii=False,
        )


class OverlapIndex:
    """The runs of all benchmarks' problems. 64-bit hashes: one text in 10^8 meets a run that is not its own."""

    def __init__(self, items: Sequence[BenchmarkItem], run_words: int) -> None:
        self._items = items
        self._run_words = run_words
        self._vocabulary = Vocabulary()
        tokens = [self._hash(item.question) for item in items]
        self._wholes = {hashed.tobytes(): place for place, hashed in reversed(list(enumerate(tokens))) if len(hashed)}
        self._short = self._index_short(tokens)
        long = [place for place, hashed in enumerate(tokens) if len(hashed) >= run_words]
        runs = hash_runs([tokens[place] for place in long], run_words)
        self._runs, firsts = np.unique(runs.values, return_index=True)
        self._places = np.array(long, np.int64)[runs.owners[firsts]]

    def find(self, text: str, *, whole: bool) -> Overlap | None:
        """The first passage that the text shares; with `whole`, also a short problem that is all or part of it."""
        hashed = self._hash(text)
        if whole and (place := self._wholes.get(hashed.tobytes())) is not None:
            return Overlap(self._items[place], len(hashed), text.strip())
        return self._find_run(text, hashed) or (self._find_short(text, hashed) if whole else None)

    def _find_run(self, text: str, hashed: np.ndarray) -> Overlap | None:
        if len(hashed) < self._run_words or not len(self._runs):
            return None
        runs = hash_runs([hashed], self._run_words).values
        at = np.minimum(np.searchsorted(self._runs, runs), len(self._runs) - 1)
        hits = np.flatnonzero(self._runs[at] == runs)
        if not len(hits):
            return None
        first, place = int(hits[0]), int(self._places[at[hits[0]]])
        last = self._end_of_passage(hits, self._places[at[hits]], place)
        return self._make(text, place, first, last + self._run_words)

    def _index_short(self, tokens: Sequence[np.ndarray]) -> dict[int, dict[int, int]]:
        """By their length, the problems that are too short for a run and yet say enough: a number among some words."""
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for place, hashed in enumerate(tokens):
            length = len(hashed)
            if MIN_HELD_WORDS <= length < self._run_words and any(
                map(is_quantity, tokenize(self._items[place].question))
            ):
                found[length].setdefault(int(hash_runs([hashed], length).values[0]), place)
        return found

    def _find_short(self, text: str, hashed: np.ndarray) -> Overlap | None:
        """A short problem that stands in the text with no number or sign beside it, which would make it another."""
        for length, places in self._short.items():
            if len(hashed) <= length:
                continue
            runs = hash_runs([hashed], length).values
            for first in np.flatnonzero(np.isin(runs, np.fromiter(places, np.uint64))).tolist():
                if self._stands_alone(text, first, first + length):
                    return self._make(text, places[int(runs[first])], first, first + length)
        return None

    @staticmethod
    def _stands_alone(text: str, first: int, end: int) -> bool:
        words = tokenize(text)
        return not any(map(is_quantity, (*words[max(first - 1, 0) : first], *words[end : end + 1])))

    def _make(self, text: str, place: int, first: int, end: int) -> Overlap:
        return Overlap(self._items[place], end - first, self._cut(text, first, end))

    def _hash(self, text: str) -> np.ndarray:
        return self._vocabulary.hash_all(tokenize(text))

    @staticmethod
    def _end_of_passage(hits: np.ndarray, places: np.ndarray, place: int) -> int:
        """The last of the consecutive runs that the first hit's problem has too."""
        last = int(hits[0])
        for hit, owner in zip(hits[1:].tolist(), places[1:].tolist(), strict=True):
            if hit != last + 1 or owner != place:
                break
            last = hit
        return last

    @staticmethod
    def _cut(text: str, first: int, end: int) -> str:
        normal = normalize(text)
        spans = token_spans(normal)
        return normal[spans[first][0] : spans[end - 1][1]]
