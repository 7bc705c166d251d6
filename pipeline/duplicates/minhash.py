"""Candidates for near duplicates: MinHash signatures cut into bands (Broder 1997; Leskovec et al., ch. 3).

The minima come from one-permutation hashing (Li et al. 2012) in several passes of few bins: a shingle is hashed 8 times
and not 192 times. An empty bin takes the next full one's value with a mark of the distance (Shrivastava & Li 2014).
Two texts of similarity J share one of the 64 bands of 3 with chance 1 − (1 − J³)^64: 0.98 at 0.4, 0.9998 at 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tracewright.pipeline.duplicates.shingles import Runs, mix

PASSES, BINS, ROWS = 8, 24, 3
BANDS = PASSES * BINS // ROWS
_EMPTY = np.uint64(2**64 - 1)
_DISTANCE_MARK = 0xD1B54A32D192ED03
MAX_NEIGHBOURS = 32
"""How many texts of one bucket a text is paired with: a bucket of 10,000 gives 320,000 pairs and not 50,000,000."""


def make_bands(runs: Runs) -> np.ndarray:
    """For each text (rows) a key for each band (columns); texts that share a key are candidates. Empty texts have 0."""
    bands = np.zeros((len(runs), BANDS), np.uint64)
    per_pass = BINS // ROWS
    for number in range(PASSES):
        lowest = _lowest_by_bin(runs, number).reshape(len(runs), per_pass, ROWS)
        key = np.zeros((len(runs), per_pass), np.uint64)
        for row in range(ROWS):
            key = mix(key + lowest[:, :, row])
        bands[:, number * per_pass : (number + 1) * per_pass] = key
    return bands


def find_candidates(bands: np.ndarray, skeletons: np.ndarray) -> Iterator[np.ndarray]:
    """For each band, pairs of texts (rows of two places, the lower first) that share its key.

    Texts of one skeleton (the same words around other numbers) are never paired: they are different, and there may be
    very many of them.
    """
    order = np.argsort(skeletons, kind="stable")
    ranked = skeletons[order]
    for column in range(bands.shape[1]):
        keys = bands[order, column]
        # Stable: within a key, texts keep the order of their skeletons, so that all bands pair the same neighbours.
        sorted_places = np.argsort(keys, kind="stable")
        yield from _pair_neighbours(keys[sorted_places], ranked[sorted_places], order[sorted_places])


def _lowest_by_bin(runs: Runs, number: int) -> np.ndarray:
    count = len(runs)
    hashed = mix(runs.values + np.uint64((number + 1) * 0x9E3779B97F4A7C15 % 2**64))
    bins = ((hashed >> np.uint64(32)) * np.uint64(BINS)) >> np.uint64(32)
    lowest = np.full(count * BINS, _EMPTY)
    np.minimum.at(lowest, runs.owners * BINS + bins.astype(np.int64), hashed)
    return _fill_empty(lowest.reshape(count, BINS))


def _fill_empty(lowest: np.ndarray) -> np.ndarray:
    filled = lowest.copy()
    missing = filled == _EMPTY
    for distance in range(1, BINS):
        if not missing.any():
            break
        borrowed = np.roll(lowest, -distance, axis=1)
        take = missing & (borrowed != _EMPTY)
        filled[take] = borrowed[take] + np.uint64(distance * _DISTANCE_MARK % 2**64)
        missing &= ~take
    return filled


def _pair_neighbours(keys: np.ndarray, skeletons: np.ndarray, places: np.ndarray) -> Iterator[np.ndarray]:
    for distance in range(1, MAX_NEIGHBOURS + 1):
        same = keys[:-distance] == keys[distance:]
        if not same.any():
            return
        differ = same & (skeletons[:-distance] != skeletons[distance:])
        pairs = np.stack([places[:-distance][differ], places[distance:][differ]], axis=1)
        if len(pairs):
            yield np.sort(pairs, axis=1)
