"""What a reviewer said of a trace or of one of its steps: an event that is never changed."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from tracewright.schemas.base import Count, Frozen, Timestamp


class Decision(StrEnum):
    """A reviewer's decision on a whole trace."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNSURE = "unsure"


class Review(Frozen):
    """One event of one reviewer; a later one may undo it, none replaces it."""

    review_id: str
    trace_id: str
    reviewer: str
    step: Count | None = None
    """None: the event is about the trace as a whole."""
    decision: Decision | None = None
    label: Literal[-1, 0, 1] | None = None
    """A step's rating, as in PRM800K."""
    first_error: bool = False
    error_type: str | None = None
    corrected_text: str | None = None
    corrected_answer: str | None = None
    tags: tuple[str, ...] = ()
    comment: str | None = None
    undoes: str | None = None
    """The review_id of the event that this one takes back."""
    seconds: float | None = Field(default=None, ge=0.0)
    """Time spent."""
    created_at: Timestamp


class PublishedReview(Review):
    """An event as it lies in `STORE/reviews/`, where releases read it."""

    number: Count = Field(ge=1)
    """Its place in the order of all events: a watermark of n is the events up to number n, and never any other ones."""
