"""The reviews that releases read, `STORE/reviews/`: what the service publishes of its own events, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tracewright.pipeline.store.locks import COMMIT_LOCK, hold
from tracewright.pipeline.store.reading import iter_rows, read_columns
from tracewright.pipeline.store.shards import ShardAppender
from tracewright.pipeline.store.table import ModelTable, StoredFile, TableKind
from tracewright.schemas.arrow import to_table
from tracewright.schemas.errors import InputError
from tracewright.schemas.review import PublishedReview

REVIEWS = TableKind("reviews", PublishedReview, "review_id")
_PUBLISHER = "publisher"
"""The one writer of the table; a second one waits for the lock."""


@dataclass(frozen=True)
class Publication:
    """What a call of `publish_reviews` did."""

    added: int
    watermark: int
    """The highest number that is published now; 0 for none."""


class ReviewLog:
    """The published reviews of one store. Use `Store.reviews`."""

    def __init__(self, root: Path, locks: Path) -> None:
        self.table = ModelTable(root, REVIEWS)
        self._locks = locks

    def watermark(self) -> int:
        """The highest number that is published; 0 for none."""
        numbers = [self._numbers(file) for file in self._files()]
        return max((max(column) for column in numbers if column), default=0)

    def read(self, watermark: int | None = None) -> list[PublishedReview]:
        """The events up to a watermark, or all, in their order.

        Raises:
            InputError: events up to that number were never published.
        """
        if watermark is not None and watermark > (highest := self.watermark()):
            raise InputError(
                f"reviews are published up to number {highest}, not {watermark}: publish the others first, or name a "
                "number up to that"
            )
        events = [event for file in self._files() for event in iter_rows(file, REVIEWS)]
        chosen = (event for event in events if watermark is None or event.number <= watermark)
        return sorted(chosen, key=lambda event: event.number)

    def publish(self, events: Iterable[PublishedReview], watermark: int) -> Publication:
        """As `publish_reviews` says."""
        given = sorted(events, key=lambda event: event.number)
        _check_numbers(given, watermark)
        with hold(self._locks / COMMIT_LOCK):
            self.table.create()
        with hold(self._locks / f"{_PUBLISHER}.lock"):
            return self._append(given)

    def _append(self, given: Sequence[PublishedReview]) -> Publication:
        appender = ShardAppender(self.table, _PUBLISHER, self._locks / COMMIT_LOCK)
        fresh = [event for event in given if event.review_id not in appender.ids]
        before = self.watermark()
        if late := [event for event in fresh if event.number <= before]:
            raise InputError(
                f"review {late[0].review_id} has number {late[0].number} and reviews are published up to {before}: "
                f"what a watermark stands for never changes; give it a number above {before}"
            )
        if fresh:
            appender.append(to_table(PublishedReview, fresh))
        return Publication(len(fresh), self.watermark())

    def _files(self) -> Sequence[StoredFile]:
        return self.table.files() if self.table.exists() else ()

    def _numbers(self, file: StoredFile) -> list[int]:
        return read_columns(file, ["number"], REVIEWS)["number"].to_pylist()


def _check_numbers(events: Sequence[PublishedReview], watermark: int) -> None:
    for event, following in pairwise(events):
        if event.number == following.number:
            raise InputError(f"two reviews have number {event.number}: each event has a number of its own")
    if events and events[-1].number > watermark:
        raise InputError(f"a review has number {events[-1].number}, above the watermark {watermark}: raise the mark")
