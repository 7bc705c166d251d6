"""Runs of words that a text shares with a benchmark's problems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracewright.pipeline.duplicates.shingles import hash_runs
from tracewright.pipeline.duplicates.tokens import Vocabulary, normalize, token_spans, tokenize

MAX_EVIDENCE_CHARACTERS = 600


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
    """In lower case, as it stands in the text."""

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
        long = [place for place, hashed in enumerate(tokens) if len(hashed) >= run_words]
        runs = hash_runs([tokens[place] for place in long], run_words)
        self._runs, firsts = np.unique(runs.values, return_index=True)
        self._places = np.array(long, np.int64)[runs.owners[firsts]]

    def find(self, text: str, *, whole: bool) -> Overlap | None:
        """The first passage that the text shares; with `whole`, also a short problem that is all of the text."""
        hashed = self._hash(text)
        if whole and (place := self._wholes.get(hashed.tobytes())) is not None:
            return Overlap(self._items[place], len(hashed), text.strip())
        if len(hashed) < self._run_words or not len(self._runs):
            return None
        runs = hash_runs([hashed], self._run_words).values
        at = np.minimum(np.searchsorted(self._runs, runs), len(self._runs) - 1)
        hits = np.flatnonzero(self._runs[at] == runs)
        if not len(hits):
            return None
        place = int(self._places[at[hits[0]]])
        last = self._end_of_passage(hits, self._places[at[hits]], place)
        return Overlap(self._items[place], last - int(hits[0]) + self._run_words, self._cut(text, int(hits[0]), last))

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

    def _cut(self, text: str, first: int, last: int) -> str:
        normal = normalize(text)
        spans = token_spans(normal)
        return normal[spans[first][0] : spans[last + self._run_words - 1][1]]
