"""Rows one after another, for one of many readers, with a state that is saved and given back after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from tracewright.schemas.base import Count, Frozen


class Reading(Frozen):
    """Which rows of which release one reader gets, and in which order."""

    release: str
    """The manifest's digest."""
    split: str
    seed: Count | None = None
    """None: the stored order."""
    rank: Count = 0
    world_size: Count = Field(default=1, ge=1)
    worker: Count = 0
    """Of the rank's own data-loading processes."""
    workers: Count = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.rank >= self.world_size or self.worker >= self.workers:
            raise ValueError(
                f"rank {self.rank} of {self.world_size}, worker {self.worker} of {self.workers}: count both from 0"
            )
        return self

    @property
    def place(self) -> int:
        """Which of all readers this is: the workers of a rank are neighbours."""
        return self.rank * self.workers + self.worker

    @property
    def readers(self) -> int:
        """How many readers share the rows."""
        return self.world_size * self.workers


class StreamState(Frozen):
    """Where a reader is: saved with `model_dump_json`, read with `model_validate_json`, given to `Release.resume`."""

    reading: Reading
    given: Count
    """Rows that were given out."""


class RowStream(Iterator[dict[str, Any]]):
    """The rows of one reader. Get one from `Release.stream` or `Release.resume`."""

    def __init__(self, reading: Reading, given: int, read: Callable[[Reading, int], Iterator[dict[str, Any]]]) -> None:
        self._reading = reading
        self._given = given
        self._rows = read(reading, given)

    def __next__(self) -> dict[str, Any]:
        row = next(self._rows)
        self._given += 1
        return row

    def state(self) -> StreamState:
        """Where it is now: a stream that is resumed from it begins with the row after the last one given out."""
        return StreamState(reading=self._reading, given=self._given)
