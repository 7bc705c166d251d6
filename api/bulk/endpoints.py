"""`/v1/bulks`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from tracewright.api.bulk import repository, service
from tracewright.api.http.access import Curator, Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.cursors import encode_cursor, read_number_cursor
from tracewright.api.http.etags import check_match, make_etag
from tracewright.api.http.fields import (
    DEFAULT_PAGE,
    Body,
    Comment,
    Cursor,
    FilterText,
    IfMatch,
    Label,
    Limit,
    NumberPath,
    to_moment,
)
from tracewright.api.http.rendering import render
from tracewright.api.reviews.models import MAX_TAGS, NewReview
from tracewright.api.services import ServicesDep
from tracewright.schemas.review import Decision

router = APIRouter(prefix="/bulks", tags=["bulks"])


class BulkChoice(Body):
    """The traces that a bulk event would be about."""

    where: FilterText


class BulkPreview(BaseModel):
    """How many traces there are, and how many of them somebody has decided on."""

    traces: int
    reviewed: int
    limit: int
    """A bulk event may be about so many."""


class NewBulk(Body):
    """The same said of many traces."""

    where: FilterText
    expected: Annotated[int, Field(ge=1, lt=2**31)]
    """How many traces the preview found: nothing is done where there are others now."""
    decision: Decision | None = None
    tags: Annotated[tuple[Label, ...], Field(max_length=MAX_TAGS)] = ()
    comment: Comment | None = None

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if self.decision is None and not self.tags and self.comment is None:
            raise ValueError("say a decision, tags or a comment")
        return self


class Bulk(BaseModel):
    """A bulk event."""

    id: int
    where: str
    action: dict[str, Any]
    traces: int
    author: str
    created_at: datetime
    undone_at: datetime | None


class BulkPage(BaseModel):
    """Bulk events, the newest first."""

    items: list[Bulk]
    next: str | None


@router.get("", response_model=BulkPage)
def list_bulks(services: ServicesDep, _: Viewer, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE) -> Response:
    """Every bulk event, the newest first."""
    with services.database.read() as connection:
        rows = repository.list_bulks(connection, read_number_cursor(cursor), limit + 1)
    items = [_to_bulk(row) for row in rows[:limit]]
    return render({"items": items, "next": encode_cursor(items[-1]["id"]) if len(rows) > limit else None})


@router.post("/preview", response_model=BulkPreview)
def preview(services: ServicesDep, _: Curator, __: ChangerDep, choice: BulkChoice) -> Response:
    """What a filter finds, before anything is said of it. Changes nothing, however often it is sent."""
    frame = services.feed.frame
    ids = service.find_traces(services, choice.where)
    rows = [frame.ids[trace_id] for trace_id in ids]
    reviewed = int((frame.review_count[rows] > 0).sum()) if rows else 0
    return render({"traces": len(ids), "reviewed": reviewed, "limit": service.MAX_TRACES})


@router.post("", response_model=Bulk, status_code=201)
def judge(changer: ChangerDep, services: ServicesDep, curator: Curator, new: NewBulk) -> Response:
    """Accept, reject or tag all traces that a filter finds, as one event that can be undone as one."""
    ids = service.find_traces(services, new.where)
    event = NewReview(decision=new.decision, tags=new.tags, comment=new.comment)

    def work(change: Change) -> Reply:
        return _reply(service.judge(change, new.where, event, ids, new.expected), 201)

    return changer.run(curator, new, work)


@router.get("/{bulk_id}", response_model=Bulk)
def read_bulk(services: ServicesDep, _: Viewer, bulk_id: NumberPath) -> Response:
    """One bulk event."""
    with services.database.read() as connection:
        row = service.get_bulk(connection, bulk_id)
    return render(_to_bulk(row), etag=_etag(row))


@router.post("/{bulk_id}/undo", response_model=Bulk, status_code=201)
def undo(changer: ChangerDep, curator: Curator, bulk_id: NumberPath, if_match: IfMatch = None) -> Response:
    """Take all that a bulk event said back."""

    def work(change: Change) -> Reply:
        row = service.get_bulk(change.connection, bulk_id)
        check_match(if_match, _etag(row))
        return _reply(service.undo(change, row), 201)

    return changer.run(curator, None, work)


def _reply(row: Any, status: int) -> Reply:
    return Reply(_to_bulk(row), status, _etag(row), f"/v1/bulks/{row.id}")


def _etag(row: Any) -> str:
    return make_etag("bulk", row.id, int(row.undone_at is not None))


def _to_bulk(row: Any) -> dict[str, Any]:
    moments = {"created_at": to_moment(row.created_at), "undone_at": to_moment(row.undone_at)}
    plain = {name: getattr(row, name) for name in ("id", "action", "traces", "author")}
    return plain | {"where": row.filter} | moments
