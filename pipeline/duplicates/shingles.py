"""Runs of consecutive tokens as 64-bit hashes, for many texts at once.

Hashes of all texts stand one after another, with offsets: a text's are `values[offsets[i]:offsets[i + 1]]`. 64 bits
let about one in 10^7 pairs of 10^6 different runs collide, which costs a similarity one part in a text's length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Runs:
    """The hashed runs of every text."""

    values: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, text: int) -> np.ndarray:
        """One text's, in the order in which they stand."""
        return self.values[self.offsets[text] : self.offsets[text + 1]]

    @property
    def owners(self) -> np.ndarray:
        """For each run, its text."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


def mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer (Steele et al. 2014): every bit of the input reaches every bit of the output."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))


def hash_runs(tokens: Sequence[np.ndarray], length: int) -> Runs:
    """Every run of so many consecutive tokens; a shorter text has one run, of all it has."""
    lengths = np.array([len(text) for text in tokens], np.int64)
    if not lengths.sum():
        return Runs(np.zeros(0, np.uint64), np.zeros(len(tokens) + 1, np.int64))
    flat = np.concatenate([text for text in tokens if len(text)])
    counts = np.where(lengths == 0, 0, np.maximum(lengths - length + 1, 1))
    starts = np.repeat(np.concatenate([[0], np.cumsum(lengths)[:-1]]), counts)
    ends = np.repeat(np.cumsum(lengths), counts)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    places = starts + np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    return Runs(_hash_windows(flat, places, ends, length), offsets)


def _hash_windows(flat: np.ndarray, places: np.ndarray, ends: np.ndarray, length: int) -> np.ndarray:
    hashed = np.zeros(len(places), np.uint64)
    last = len(flat) - 1
    for step in range(length):
        at = places + step
        inside = at < ends
        token = np.where(inside, flat[np.minimum(at, last)], np.uint64(0))
        # Multiplying before each addition makes the order of the tokens count.
        hashed = (hashed + token) * _FACTORS[step % len(_FACTORS)] + np.uint64(step)
    return mix(hashed)
