"""What reviewers send and get."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from tracewright.api.http.fields import Body, Comment, Label, LongText
from tracewright.schemas.review import Decision

MAX_EVENTS = 1_000
"""In one request: two for each step of the longest trace that anyone reviews by hand."""
MAX_TAGS = 50
MAX_STEP = 1_000_000
MAX_SECONDS = 86_400.0
Step = Annotated[int, Field(ge=0, le=MAX_STEP)]


class NewReview(Body):
    """One event: something about a step, or about the trace as a whole."""

    step: Step | None = None
    """From 0; left out: the trace as a whole."""
    decision: Decision | None = None
    label: Literal[-1, 0, 1] | None = None
    first_error: bool = False
    """The trace goes wrong at this step for the first time."""
    error_type: Label | None = None
    corrected_text: LongText | None = None
    corrected_answer: LongText | None = None
    tags: Annotated[tuple[Label, ...], Field(max_length=MAX_TAGS)] = ()
    comment: Comment | None = None
    seconds: Annotated[float, Field(ge=0.0, le=MAX_SECONDS)] | None = None

    @model_validator(mode="after")
    def _check_subject(self) -> Self:
        if self.step is None and (self.label is not None or self.first_error or self.corrected_text is not None):
            raise ValueError("a label, a first error or a corrected text belongs to a step: name it")
        if self.step is not None and (self.decision is not None or self.corrected_answer is not None):
            raise ValueError("a decision or a corrected answer is about the trace as a whole: leave the step out")
        said = (self.decision, self.label, self.error_type, self.corrected_text, self.corrected_answer, self.comment)
        if all(value is None for value in said) and not self.tags and not self.first_error:
            raise ValueError("the event says nothing")
        return self


class LeaseProof(Body):
    """The lease under which a review is sent: ends the reviewer's part of the queue's trace."""

    slot: Annotated[int, Field(ge=1, lt=2**53)]
    fence: Annotated[int, Field(ge=1, lt=2**53)]


class Submission(Body):
    """Events that are stored together or not at all."""

    events: Annotated[tuple[NewReview, ...], Field(min_length=1, max_length=MAX_EVENTS)]
    lease: LeaseProof | None = None

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if self.lease is not None and not any(event.decision for event in self.events):
            raise ValueError("what ends a lease has a decision: accept, reject or unsure")
        return self

    @property
    def decision(self) -> str:
        """The last decision among the events; empty without one."""
        return next((event.decision.value for event in reversed(self.events) if event.decision), "")


class ReviewEvent(BaseModel):
    """An event of the log."""

    seq: int
    review_id: str
    trace_id: str
    reviewer: str
    step: int | None
    decision: Decision | None
    label: Literal[-1, 0, 1] | None
    first_error: bool
    error_type: str | None
    corrected_text: str | None
    corrected_answer: str | None
    tags: list[str]
    comment: str | None
    undoes: str | None
    seconds: float | None
    created_at: datetime
    bulk: int | None
    active: bool | None = None
    """Whether nothing takes it back; null where it is listed without the events after it."""


class StepState(BaseModel):
    """What a reviewer says of a step."""

    step: int
    label: Literal[-1, 0, 1] | None
    error_type: str | None
    corrected_text: str | None


class ReviewState(BaseModel):
    """What a reviewer says of a trace, as it stands; the ETag names its newest event."""

    trace_id: str
    reviewer: str
    decision: Decision | None
    first_error: int | None
    error_type: str | None
    """Of the trace as a whole; those of steps are with them."""
    corrected_answer: str | None
    tags: list[str]
    steps: list[StepState]
    seconds: float


class Stored(BaseModel):
    """What was stored, and what stands now."""

    events: list[ReviewEvent]
    state: ReviewState


class History(BaseModel):
    """A trace's events in order, and each reviewer's standing."""

    events: list[ReviewEvent]
    states: list[ReviewState]


class ReviewPage(BaseModel):
    """Events, the newest first."""

    items: list[ReviewEvent]
    next: str | None
