"""Handing the review log over to the store, where releases read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tracewright.api.database import Database
from tracewright.api.reviews.repository import iter_events, newest_seq
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.reviews import Publication
from tracewright.pipeline.store.store import publish_reviews
from tracewright.schemas.review import PublishedReview, Review


def publish(store: Store, database: Database) -> Publication:
    """Publish every event that is not published yet; the watermark is the number of the newest one.

    Writers are serialised, so no event can appear later with a number below the watermark.
    """
    published = store.reviews.watermark()
    with database.read() as connection:
        watermark = max(newest_seq(connection), published)
        events = [to_published(row) for row in iter_events(connection, published) if row.seq <= watermark]
    return publish_reviews(store, events, watermark)


def to_published(row: Any) -> PublishedReview:
    """A row of the log as the store keeps it."""
    facts = {name: getattr(row, name) for name in Review.model_fields if name != "created_at"}
    moment = datetime.fromtimestamp(row.created_at / 1e6, UTC)
    return PublishedReview.model_validate(facts | {"created_at": moment, "number": row.seq})
