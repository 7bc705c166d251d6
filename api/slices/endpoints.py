"""`/v1/slices`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from tracewright.api.http.access import Curator, Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.fields import Body, FilterText, IfMatch, NamePath
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep
from tracewright.api.slices import service
from tracewright.api.slices.export import ExportFormat, stream
from tracewright.api.traces.service import see_frame
from tracewright.pipeline.curate.slices import list_slices, read_slice

router = APIRouter(prefix="/slices", tags=["slices"])
_MEDIA_TYPES = {ExportFormat.JSONL: "application/x-ndjson", ExportFormat.CSV: "text/csv; charset=utf-8"}


class SliceContent(Body):
    """What a slice is to hold."""

    where: FilterText


class SliceFacts(BaseModel):
    """A slice."""

    name: str
    where: str | None
    created_at: datetime
    store_version: int | None
    """The version that curation stages chose from; null for a filter alone."""
    traces: int | None
    """How many the stages chose; null for a filter alone."""
    stages: list[dict[str, Any]]


class SliceList(BaseModel):
    """Every slice."""

    items: list[SliceFacts]


@router.get("", response_model=SliceList)
def read_slices(services: ServicesDep, _: Viewer) -> Response:
    """Every slice, by name."""
    path = services.store.path
    return render({"items": [service.to_slice(read_slice(path, name)) for name in list_slices(path)]})


@router.get("/{name}", response_model=SliceFacts)
def read_one(services: ServicesDep, _: Viewer, name: NamePath) -> Response:
    """One slice."""
    saved = read_slice(services.store.path, name)
    return render(service.to_slice(saved), etag=service.slice_etag(saved))


@router.put("/{name}", response_model=SliceFacts)
def save(
    changer: ChangerDep, curator: Curator, name: NamePath, content: SliceContent, if_match: IfMatch = None
) -> Response:
    """Save a filter as a slice: a new one, or, with `If-Match`, another filter in its place."""

    def work(change: Change) -> Reply:
        saved = service.save_slice(change, name, content.where, if_match)
        return Reply(service.to_slice(saved), 200, service.slice_etag(saved), f"/v1/slices/{name}")

    return changer.run(curator, content, work)


@router.get("/{name}/export", response_class=StreamingResponse)
def export(
    services: ServicesDep,
    viewer: Viewer,
    name: NamePath,
    format_: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.JSONL,
) -> Response:
    """A slice's traces as they are now, as a stream of lines."""
    frame = see_frame(services, viewer)
    rows = service.choose_slice(services, frame, name)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format_}"'}
    lines = stream(services, frame, rows, format_)
    return StreamingResponse(lines, media_type=_MEDIA_TYPES[format_], headers=headers)
