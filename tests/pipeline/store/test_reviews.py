"""Published reviews: in their order, never changed below a watermark, and what stands of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.store import Standing, Store, publish_reviews, settle_reviews
from tracewright.schemas import Decision, InputError, PublishedReview, Trace

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, trace_id: str = "t", reviewer: str = "ada", **said: Any) -> PublishedReview:
    return PublishedReview(
        number=number, review_id=f"r{number}", trace_id=trace_id, reviewer=reviewer, created_at=MOMENT, **said
    )


def test_published_events_come_back_in_their_order(store: Store) -> None:
    assert publish_reviews(store, [event(2), event(1, tags=("hard", "✓"), comment="no")], watermark=2).added == 2
    publish_reviews(store, [event(7, step=3, label=-1, first_error=True, seconds=2.5)], watermark=8)
    published = store.reviews.read()
    assert [review.number for review in published] == [1, 2, 7]
    assert published[0] == event(1, tags=("hard", "✓"), comment="no")
    assert published[2] == event(7, step=3, label=-1, first_error=True, seconds=2.5)
    assert store.reviews.read(watermark=2) == published[:2]
    assert store.reviews.watermark() == 7


def test_a_store_without_reviews_has_watermark_0(store: Store) -> None:
    assert (store.reviews.watermark(), store.reviews.read()) == (0, [])


def test_publishing_again_adds_nothing(store: Store) -> None:
    for added in (2, 0):
        assert publish_reviews(store, [event(1), event(2)], watermark=2).added == added
    assert publish_reviews(store, [event(1), event(2), event(3)], watermark=3).added == 1


def test_what_lies_below_a_published_watermark_never_changes(store: Store) -> None:
    publish_reviews(store, [event(1), event(5)], watermark=5)
    with pytest.raises(InputError, match=r"r3 has number 3 and reviews are published up to 5.*above 5"):
        publish_reviews(store, [event(3), event(6)], watermark=6)
    assert store.reviews.watermark() == 5


def test_impossible_numbers_are_refused(store: Store) -> None:
    with pytest.raises(InputError, match="two reviews have number 1"):
        publish_reviews(store, [event(1), event(1, "u")], watermark=2)
    with pytest.raises(InputError, match="has number 3, above the watermark 2"):
        publish_reviews(store, [event(3)], watermark=2)
    with pytest.raises(InputError, match="published up to number 0, not 4"):
        store.reviews.read(watermark=4)


def test_the_newest_decision_of_each_reviewer_stands_and_the_most_careful_counts() -> None:
    said = [
        event(1, decision=Decision.REJECT),
        event(2, decision=Decision.ACCEPT),
        event(3, reviewer="bob", decision=Decision.UNSURE),
    ]
    assert settle_reviews(said[:2])["t"] == Standing(Decision.ACCEPT, 1, {}, None, is_corrected=False)
    assert settle_reviews(said)["t"] == Standing(Decision.UNSURE, 2, {}, None, is_corrected=False)


def test_an_undone_event_does_not_stand_and_an_undone_undo_does_nothing() -> None:
    said = [event(1, decision=Decision.REJECT), event(2, undoes="r1"), event(3, undoes="r2")]
    decisions = [settle_reviews(said[:count])["t"].decision for count in (1, 2, 3)]
    assert decisions == [Decision.REJECT, None, Decision.REJECT]


def test_step_labels_are_the_lower_median_of_the_reviewers() -> None:
    said = [
        event(number, reviewer=reviewer, step=step, label=label)
        for number, (reviewer, step, label) in enumerate(
            [("ada", 0, 1), ("bob", 0, -1), ("eve", 0, 1), ("ada", 1, 1), ("bob", 1, 0), ("ada", 1, 0)], start=1
        )
    ]
    assert settle_reviews(said)["t"].labels == {0: 1, 1: 0}


def test_the_first_error_is_the_earliest_that_a_reviewer_names() -> None:
    said = [
        event(1, step=4, first_error=True),
        event(2, reviewer="bob", step=2, first_error=True, corrected_text="2"),
        event(3, reviewer="bob", undoes="r2"),
    ]
    assert settle_reviews(said[:2])["t"] == Standing(None, 0, {}, 2, is_corrected=True)
    assert settle_reviews(said)["t"] == Standing(None, 0, {}, 4, is_corrected=False)


def test_reviews_are_columns_of_the_frame_and_of_filters(
    store: Store, plant_traces: Callable[..., list[Trace]]
) -> None:
    traces = plant_traces(4)
    with store.writer() as writer:
        for trace in traces:
            writer.add_trace(trace)
    ids = [trace.trace_id for trace in traces]
    said = [event(1, ids[0], decision=Decision.ACCEPT), event(2, ids[2], decision=Decision.REJECT)]
    publish_reviews(store, said, watermark=2)
    frame = store.frame()
    assert frame.select("flagged", "review_count", "decision").rows() == [
        (False, 1, "accept"),
        (False, 0, None),
        (True, 1, "reject"),
        (False, 0, None),
    ]
    assert store.frame(review_watermark=1)["flagged"].sum() == 0
    kept = store.iter_traces(where=parse_filter('not flagged and (review_count > 0 or decision == "reject")'))
    assert list(kept) == traces[:1]
    assert store.frame(0).schema == frame.schema
