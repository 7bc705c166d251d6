"""Clusters of texts that say nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracewright.pipeline.duplicates.minhash import BANDS, ROWS, find_candidates, make_bands
from tracewright.pipeline.duplicates.quantities import (
    Quantities,
    collect_quantities,
    differ_in_place,
    differ_in_sum,
    merge,
)
from tracewright.pipeline.duplicates.settings import SHINGLE_TOKENS, DuplicateSettings
from tracewright.pipeline.duplicates.shingles import Runs, hash_runs, mix
from tracewright.pipeline.duplicates.tokens import Vocabulary, hash_bytes, is_quantity, tokenize

_MASKED = 0
_LIKELY_SHARE = 0.2
"""Candidates with fewer shared bands than this share of those expected are not compared: at a similarity of 0.6 a pair
has 14 and is lost, with fewer than 3, once in 10,000 times."""


def cluster_problems(questions: Sequence[str], settings: DuplicateSettings | None = None) -> list[int]:
    """For each question the place of the first of its cluster: questions of one cluster belong into one split.

    Two are in a cluster where they are near duplicates, or both near another one. Questions that differ in a number
    are never in the same cluster, however many numbers they have.
    """
    settings = settings or DuplicateSettings()
    return cluster_texts(questions, settings.model_copy(update={"max_differing_numbers": 0.0}))


def cluster_texts(
    texts: Sequence[str], settings: DuplicateSettings | None = None, groups: Sequence[bytes] | None = None
) -> list[int]:
    """For each text the place of the first of its cluster, which may be itself.

    Texts that differ in case, spacing or punctuation alone are always together. Others are where enough of their
    shingles (3 words each) are the same and no number or sign of arithmetic contradicts another in its place, also not
    that of a third text in the cluster. Texts of different `groups`, one for each text, are never together, also not
    through a third one. The clusters do not depend on the order of the texts. Memory: some 1.5 KB for each text and 16
    bytes for each word.

    About one pair in 5,000 that is just similar enough is missed.
    """
    settings = settings or DuplicateSettings()
    reading = _read(texts, groups or [b""] * len(texts))
    clusters = _Clusters(reading, settings.max_differing_numbers)
    for first, second in _similar_pairs(reading, settings.min_similarity):
        clusters.join(first, second)
    firsts = [clusters.find(place) for place in reading.unique_of]
    lowest: dict[int, int] = {}
    for place, cluster in enumerate(firsts):
        lowest.setdefault(cluster, place)
    return [lowest[cluster] for cluster in firsts]


@dataclass(frozen=True)
class _Reading:
    """Texts as hashes; texts of the same tokens are one."""

    unique_of: list[int]
    """For each text, which of the unique ones it is."""
    tokens: list[list[str]]
    """Of the unique ones."""
    runs: Runs
    ids: np.ndarray
    """A hash of all tokens: what the order of pairs rests on, whatever the order of the texts."""
    skeletons: np.ndarray
    groups: np.ndarray
    """A hash of the group of each."""


def _read(texts: Sequence[str], groups: Sequence[bytes]) -> _Reading:
    vocabulary = Vocabulary()
    masked = _MaskedVocabulary(vocabulary)
    unique: dict[int, int] = {}
    unique_of: list[int] = []
    tokens: list[list[str]] = []
    hashes: list[np.ndarray] = []
    skeletons: list[int] = []
    found_groups: list[int] = []
    for text, group in zip(texts, groups, strict=True):
        words = tokenize(text)
        hashed = vocabulary.hash_all(words)
        place = unique.setdefault(hash_bytes(hashed.tobytes() + group), len(tokens))
        unique_of.append(place)
        if place == len(tokens):
            tokens.append(words)
            hashes.append(hashed)
            skeletons.append(hash_bytes(masked.hash_all(words).tobytes()))
            found_groups.append(hash_bytes(group))
    runs = hash_runs(hashes, SHINGLE_TOKENS)
    ids, shapes, of_groups = (np.array(list(part), np.uint64) for part in (unique, skeletons, found_groups))
    return _Reading(unique_of, tokens, runs, ids, shapes, of_groups)


class _MaskedVocabulary(Vocabulary):
    """Gives every number and sign the same hash."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._vocabulary = vocabulary

    def __missing__(self, token: str) -> int:
        made = _MASKED if is_quantity(token) else self._vocabulary[token]
        self[token] = made
        return made


def _similar_pairs(reading: _Reading, min_similarity: float) -> list[tuple[int, int]]:
    """Pairs that are similar enough, the most similar first."""
    shingles = _ShingleSets(reading.runs)
    count = len(reading.tokens)
    # Another group is another key, so that no text of it is a candidate or takes a neighbour's place.
    bands = mix(make_bands(reading.runs) + reading.groups[:, np.newaxis])
    found = [pairs[:, 0] * count + pairs[:, 1] for pairs in find_candidates(bands, reading.skeletons)]
    if not found:
        return []
    codes = np.unique(np.concatenate(found))
    shared = np.count_nonzero(bands[codes // count] == bands[codes % count], axis=1)
    codes = codes[shared >= _LIKELY_SHARE * BANDS * min_similarity**ROWS]
    kept: list[tuple[float, int, int, int, int]] = []
    for first, second in zip(*(part.tolist() for part in np.divmod(codes, count)), strict=True):
        similarity = shingles.compare(first, second)
        if similarity >= min_similarity:
            low, high = sorted((int(reading.ids[first]), int(reading.ids[second])))
            kept.append((-similarity, low, high, first, second))
    return [(first, second) for *_, first, second in sorted(kept)]


class _ShingleSets:
    """Each text's shingles as a set, made when it is first asked for."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._sets: dict[int, frozenset[int]] = {}

    def compare(self, first: int, second: int) -> float:
        """The Jaccard similarity of two texts."""
        mine, theirs = self._of(first), self._of(second)
        shared = len(mine & theirs)
        return shared / (len(mine) + len(theirs) - shared) if shared else 0.0

    def _of(self, text: int) -> frozenset[int]:
        if text not in self._sets:
            self._sets[text] = frozenset(self._runs.of(text).tolist())
        return self._sets[text]


class _Clusters:
    """Disjoint sets of the unique texts, each with all its quantities and skeletons."""

    def __init__(self, reading: _Reading, max_differing: float) -> None:
        self._tokens = reading.tokens
        self._max_differing = max_differing
        self._parent = list(range(len(reading.tokens)))
        self._quantities: dict[int, Quantities] = {}
        self._skeletons = [{skeleton} for skeleton in reading.skeletons.tolist()]

    def find(self, text: int) -> int:
        """The text that stands for the cluster."""
        while self._parent[text] != text:
            self._parent[text] = self._parent[self._parent[text]]
            text = self._parent[text]
        return text

    def join(self, first: int, second: int) -> None:
        """Make one of the two texts' clusters unless their quantities contradict each other."""
        into, other = self.find(first), self.find(second)
        if into == other or differ_in_sum(self._tokens[first], self._tokens[second], self._max_differing):
            return
        # The same words around other numbers: never together, however few the numbers.
        if not self._skeletons[into].isdisjoint(self._skeletons[other]):
            return
        if differ_in_place(self._of(into), self._of(other), self._max_differing):
            return
        if len(self._of(into)) < len(self._of(other)):
            into, other = other, into
        merge(self._of(into), self._of(other))
        self._skeletons[into] |= self._skeletons[other]
        self._parent[other] = into

    def _of(self, text: int) -> Quantities:
        if text not in self._quantities:
            self._quantities[text] = collect_quantities(self._tokens[text])
        return self._quantities[text]
