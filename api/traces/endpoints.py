"""`/v1/traces`."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tracewright.api.http.access import Viewer
from tracewright.api.http.etags import make_etag
from tracewright.api.http.fields import DEFAULT_PAGE, MAX_SEARCH_CHARS, Cursor, Limit, TraceIdPath, Where
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep
from tracewright.api.traces import service
from tracewright.api.traces.facets import FACET_COLUMNS
from tracewright.api.traces.frame import SORT_COLUMNS
from tracewright.api.traces.models import ColumnList, FacetList, TraceBody, TracePage
from tracewright.pipeline.filter import COLUMNS

router = APIRouter(prefix="/traces", tags=["traces"])
_ASKED = "Words and quoted phrases that problem and reasoning, taken together, must have."
Search = Annotated[str | None, Query(max_length=MAX_SEARCH_CHARS, description=_ASKED)]


@router.get("", response_model=TracePage)
def list_traces(
    services: ServicesDep,
    viewer: Viewer,
    where: Where = None,
    search: Search = None,
    sort: Annotated[str | None, Query(max_length=64, description="A column; `-` before it for descending.")] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Response:
    """Traces that match a filter and a search, the newest first unless `sort` says otherwise."""
    order, frame = service.read_order(sort), service.see_frame(services, viewer)
    place = service.read_place(cursor, order)
    page = frame.page(service.choose(services, frame, where, search), order, place, limit)
    items, end = frame.read(page.rows), service.write_place(page.end, order)
    return render({"items": items, "total": page.total, "next": end})


@router.get("/facets", response_model=FacetList)
def count_facets(
    services: ServicesDep,
    viewer: Viewer,
    where: Where = None,
    search: Search = None,
    columns: Annotated[str | None, Query(max_length=1_000, description="Separated by commas.")] = None,
) -> Response:
    """How many of the traces that match have each value, or lie in each bar of a histogram."""
    names, frame = service.read_facets(columns), service.see_frame(services, viewer)
    chosen = service.choose(services, frame, where, search)
    total = frame.height if chosen is None else len(chosen)
    return render({"total": total, "facets": frame.facets(names, chosen)})


@router.get("/columns", response_model=ColumnList)
def list_columns(_: Viewer) -> Response:
    """The columns that filters can name, with their meanings."""
    items = [
        {
            "name": name,
            "kind": column.kind.value,
            "meaning": column.meaning,
            "values": column.values,
            "sortable": name in SORT_COLUMNS,
            "facet": name in FACET_COLUMNS,
        }
        for name, column in COLUMNS.items()
    ]
    return render({"items": items})


@router.get("/{trace_id}", response_model=TraceBody)
def read_trace(
    request: Request,
    services: ServicesDep,
    viewer: Viewer,
    trace_id: TraceIdPath,
    tokens: Annotated[bool, Query(description="With token ids, logprobs and ends.")] = False,
) -> Response:
    """A whole trace with its steps."""
    frame = service.see_frame(services, viewer)
    row = service.get_row(frame, trace_id)
    file, place = frame.locate(row)
    etag = make_etag(file.path.stem, place, int(tokens), int(frame.review_count[row]), int(frame.decided[row]))
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    trace = services.bodies.read(frame, row, tokens=tokens)
    return render({"columns": frame.read(np.array([row]))[0], "trace": trace}, etag=etag)
