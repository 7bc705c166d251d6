"""A run in parts that different machines make: which problems are whose, and under which name each part writes."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from tracewright.schemas import make_id

RowT = TypeVar("RowT")

_HOST_DIGITS = 12


@dataclass(frozen=True)
class Partition:
    """One of `count` parts of the problems, every `count`th from `index` on: disjoint, and together all of them."""

    index: int
    count: int

    def select(self, rows: Iterable[RowT]) -> Iterator[RowT]:
        """This part's rows, read lazily."""
        return islice(rows, self.index, None, self.count)

    @property
    def writer(self) -> str:
        """The name that this part writes under on this machine.

        A part that is made again elsewhere, because its first machine was lost, is another writer: what the first one
        left unfinished is its own to sweep, in case it lives on.
        """
        return f"part{self.index}_{make_id('host', platform.node())[:_HOST_DIGITS]}"
