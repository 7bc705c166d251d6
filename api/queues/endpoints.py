"""`/v1/queues`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from tracewright.api.http.access import Curator, Reviewer, Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.cursors import encode_cursor, read_name_cursor
from tracewright.api.http.errors import ForbiddenError
from tracewright.api.http.etags import check_match, make_etag
from tracewright.api.http.fields import (
    DEFAULT_PAGE,
    Body,
    Cursor,
    IfMatch,
    Limit,
    Name,
    NamePath,
    NumberPath,
    TraceId,
    to_moment,
)
from tracewright.api.http.rendering import render
from tracewright.api.queues import leases, repository, service
from tracewright.api.queues.repository import SlotKind
from tracewright.api.queues.service import QueueOrder
from tracewright.api.services import ServicesDep
from tracewright.api.users.roles import Role
from tracewright.schemas.review import Decision

router = APIRouter(prefix="/queues", tags=["queues"])
MAX_GOLD = 10_000


class GoldQuestion(Body):
    """A trace whose right decision is known."""

    trace_id: TraceId
    decision: Decision


class NewQueue(Body):
    """A queue to make of a slice."""

    name: Name
    slice: Name
    reviewers_per_trace: int = Field(default=1, ge=1, le=10)
    order: QueueOrder = QueueOrder.LEAST_CONFIDENT
    lease_seconds: int = Field(default=1_800, ge=10, le=86_400)
    gold: Annotated[tuple[GoldQuestion, ...], Field(max_length=MAX_GOLD)] = ()
    gold_every: int | None = Field(default=None, ge=2, le=1_000)
    """Every so many traces a reviewer gets a gold question, which looks like any other."""
    adjudicates: bool = True
    """Whether a curator is asked where reviewers disagree."""

    @model_validator(mode="after")
    def _check_gold(self) -> Self:
        if bool(self.gold) != (self.gold_every is not None):
            raise ValueError("gold questions need `gold` and `gold_every`, both or neither")
        return self


class QueueChange(Body):
    """Closing a queue, or opening it again."""

    closed: bool


class Queue(BaseModel):
    """A queue."""

    name: str
    slice: str
    reviewers_per_trace: int
    order: QueueOrder
    lease_seconds: int
    gold_every: int | None
    adjudicates: bool
    author: str
    created_at: datetime
    closed_at: datetime | None


class QueuePage(BaseModel):
    """Queues by name."""

    items: list[Queue]
    next: str | None


class Claim(Body):
    """What to claim."""

    kind: SlotKind = SlotKind.WORK


class Lease(BaseModel):
    """A trace that is one's own until it is submitted, or the lease is over and somebody else claims it."""

    slot: int
    fence: int
    """To be sent with the review: it shows that nobody else has been given the slot since."""
    trace_id: str
    kind: SlotKind
    expires_at: datetime


class Claimed(BaseModel):
    """The next trace; null where there is none for the one who asks now."""

    lease: Lease | None


class LeaseList(BaseModel):
    """One's open leases, the one that ends first at the beginning."""

    items: list[Lease]


class Fence(Body):
    """Which claim of a slot is meant."""

    fence: int = Field(ge=1, lt=2**53)


class ReviewerProgress(BaseModel):
    """What one reviewer has done in a queue."""

    reviewer: str
    submitted: int
    open: int
    gold: int
    gold_right: int
    gold_accuracy: float | None
    latest: datetime | None


class Progress(BaseModel):
    """How far a queue is."""

    wanted: int
    done: int
    disagreements: int
    settled: int
    reviewers: list[ReviewerProgress]


@router.get("", response_model=QueuePage)
def list_queues(services: ServicesDep, _: Viewer, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE) -> Response:
    """Every queue, by name."""
    with services.database.read() as connection:
        rows = repository.list_queues(connection, read_name_cursor(cursor), limit + 1)
    items = [_to_queue(row) for row in rows[:limit]]
    return render({"items": items, "next": encode_cursor(items[-1]["name"]) if len(rows) > limit else None})


@router.post("", response_model=Queue, status_code=201)
def add_queue(changer: ChangerDep, services: ServicesDep, curator: Curator, new: NewQueue) -> Response:
    """Make a queue of the traces that a slice holds now."""
    gold = {question.trace_id: question.decision.value for question in new.gold}
    ids = service.choose_traces(services, new.slice, new.order, gold)

    def work(change: Change) -> Reply:
        change.after_commit(services.feed.refresh_reviews)
        return _reply(service.add_queue(change, new.model_dump(mode="json", exclude={"gold"}), ids, gold), 201)

    return changer.run(curator, new, work)


@router.get("/{name}", response_model=Queue)
def read_queue(services: ServicesDep, _: Viewer, name: NamePath) -> Response:
    """One queue."""
    with services.database.read() as connection:
        row = service.get_queue(connection, name)
    return render(_to_queue(row), etag=_etag(row))


@router.patch("/{name}", response_model=Queue)
def change_queue(
    changer: ChangerDep, curator: Curator, name: NamePath, new: QueueChange, if_match: IfMatch = None
) -> Response:
    """Close a queue, or open it again. What is submitted stays; open leases can still be submitted."""

    def work(change: Change) -> Reply:
        row = service.get_queue(change.connection, name)
        check_match(if_match, _etag(row))
        change.after_commit(change.services.feed.refresh_reviews)
        change.audit("queue.close" if new.closed else "queue.open", name)
        return _reply(repository.close_queue(change.connection, row.id, change.now if new.closed else None))

    return changer.run(curator, new, work)


@router.get("/{name}/progress", response_model=Progress)
def read_progress(services: ServicesDep, viewer: Viewer, name: NamePath) -> Response:
    """How far a queue is, and each reviewer; somebody who is no curator sees the others' gold accuracy as null."""
    with services.database.read() as connection:
        queue = service.get_queue(connection, name)
        progress = service.read_progress(connection, queue, services.now())
    if not viewer.may(Role.CURATOR):
        for row in progress["reviewers"]:
            if row["reviewer"] != viewer.name:
                row |= {"gold_right": 0, "gold_accuracy": None}
    return render(progress)


@router.post("/{name}/claims", response_model=Claimed)
def claim(changer: ChangerDep, reviewer: Reviewer, name: NamePath, asked: Claim) -> Response:
    """Claim the next trace. A repeated request with the same `Idempotency-Key` gets the same lease."""
    if asked.kind is SlotKind.GOLD:
        raise ForbiddenError("gold questions come by themselves")

    def work(change: Change) -> Reply:
        slot = leases.claim(change, service.get_queue(change.connection, name), asked.kind)
        return Reply({"lease": None if slot is None else _to_lease(slot)})

    return changer.run(reviewer, asked, work)


@router.get("/{name}/leases", response_model=LeaseList)
def list_leases(services: ServicesDep, reviewer: Reviewer, name: NamePath) -> Response:
    """One's open leases."""
    with services.database.read() as connection:
        queue = service.get_queue(connection, name)
        slots = repository.list_open(connection, queue.id, reviewer.name, services.now())
    return render({"items": [_to_lease(slot) for slot in slots]})


@router.post("/{name}/leases/{slot}/renewal", response_model=Lease)
def renew(changer: ChangerDep, reviewer: Reviewer, name: NamePath, slot: NumberPath, fence: Fence) -> Response:
    """Keep a lease for as long as a new one."""

    def work(change: Change) -> Reply:
        queue = service.get_queue(change.connection, name)
        return Reply(_to_lease(leases.renew(change, queue, slot, fence.fence)))

    return changer.run(reviewer, fence, work)


@router.post("/{name}/leases/{slot}/release", response_model=Lease)
def release(changer: ChangerDep, reviewer: Reviewer, name: NamePath, slot: NumberPath, fence: Fence) -> Response:
    """Give a claimed trace back."""

    def work(change: Change) -> Reply:
        service.get_queue(change.connection, name)
        return Reply(_to_lease(leases.release(change, slot, fence.fence)))

    return changer.run(reviewer, fence, work)


def _reply(row: Any, status: int = 200) -> Reply:
    return Reply(_to_queue(row), status, _etag(row), f"/v1/queues/{row.name}")


def _etag(row: Any) -> str:
    return make_etag("queue", row.id, row.version)


def _to_queue(row: Any) -> dict[str, Any]:
    queue = {name: getattr(row, name) for name in Queue.model_fields}
    return queue | {"created_at": to_moment(row.created_at), "closed_at": to_moment(row.closed_at)}


def _to_lease(slot: Any) -> dict[str, Any]:
    kind = SlotKind.WORK if slot.kind == SlotKind.GOLD else SlotKind(slot.kind)
    lease = {"slot": slot.id, "fence": slot.fence, "trace_id": slot.trace_id, "kind": kind}
    return lease | {"expires_at": to_moment(slot.expires_at)}
