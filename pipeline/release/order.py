"""The order in which rows are read: known from the row counts alone, so that a reader can begin anywhere in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

WINDOW_GROUPS = 16
"""Row groups that are shuffled together: 8,000 rows are in memory at once."""


@dataclass(frozen=True)
class RowGroup:
    """One row group of one file."""

    file: int
    group: int
    rows: int


@dataclass(frozen=True)
class Window:
    """Row groups that are read together, and the order of their rows (all of them, or those of one rank)."""

    groups: tuple[RowGroup, ...]
    order: np.ndarray


def plan_windows(
    groups: Sequence[RowGroup], *, seed: int | None, rank: int, world_size: int, skip: int
) -> Iterator[Window]:
    """The windows that hold the rows of one rank, without the first `skip` of these.

    Without a seed rows come in the stored order. With one, the row groups are shuffled, and then the rows within every
    `WINDOW_GROUPS` of them: since rows are stored by the hash in their id, that mixes them well. Rank r takes the
    places r, r + world_size, … of the common order, so that `skip * world_size` rows done by one number of ranks are
    the same rows for another number.
    """
    ordered = list(groups)
    if seed is not None:
        ordered = [ordered[place] for place in np.random.default_rng([seed]).permutation(len(ordered))]
    first = rank + skip * world_size
    begin = 0
    for index in range(0, len(ordered), WINDOW_GROUPS):
        window = tuple(ordered[index : index + WINDOW_GROUPS])
        rows = sum(group.rows for group in window)
        places = _places(begin, rows, first, world_size)
        if len(places):
            yield Window(window, _shuffle(rows, seed, index)[places])
        begin += rows


def _places(begin: int, rows: int, first: int, stride: int) -> np.ndarray:
    """Which of the window's places, counted within it, are `first`, `first + stride`, … of the whole order."""
    start = first if first >= begin else first + -(-(begin - first) // stride) * stride
    return np.arange(start - begin, rows, stride)


def _shuffle(rows: int, seed: int | None, index: int) -> np.ndarray:
    return np.arange(rows) if seed is None else np.random.default_rng([seed, index + 1]).permutation(rows)
