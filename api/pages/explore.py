"""`/explore`: finding traces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from tracewright.api.bulk.repository import list_bulks
from tracewright.api.http.access import Viewer
from tracewright.api.http.errors import UnprocessableError
from tracewright.api.http.etags import make_etag
from tracewright.api.http.fields import MAX_FILTER_CHARS, MAX_SEARCH_CHARS, Cursor, to_moment
from tracewright.api.http.rendering import render
from tracewright.api.pages import facet_views
from tracewright.api.pages.completion import complete
from tracewright.api.pages.facet_views import MAIN_FACETS, MORE_FACETS, FacetView, name_column, view_facets
from tracewright.api.pages.narrowing import Narrowing
from tracewright.api.pages.previews import Preview
from tracewright.api.pages.site import SiteDep
from tracewright.api.services import Services, ServicesDep
from tracewright.api.traces.frame import SORT_COLUMNS, Frame
from tracewright.api.traces.service import choose, read_order, read_place, see_frame, write_place
from tracewright.api.users.roles import Role
from tracewright.pipeline.curate.slices import list_slices
from tracewright.pipeline.filter import Filter, parse_filter
from tracewright.schemas.errors import InputError

router = APIRouter()
PAGE_ROWS = 40
MAX_BULKS = 5
PREVIEW_SECONDS = 0.03
"""Of one list; the page asks again for what was not read by then."""
_HEADERS = ("confidence", "step_count", "tokens", "review_count", "created_at")


@dataclass(frozen=True)
class ListView:
    """The rows of a list, or why there are none."""

    rows: tuple[dict[str, Any], ...] = ()
    previews: tuple[Preview | None, ...] = ()
    total: int = 0
    next_url: str = ""
    error: str = ""
    """What is wrong with the filter or the search."""
    is_search: bool = False
    """Whether it is the search that is wrong."""


@router.get("/explore")
def explore(
    request: Request,
    site: SiteDep,
    services: ServicesDep,
    viewer: Viewer,
    where: Annotated[str, Query(max_length=MAX_FILTER_CHARS)] = "",
    search: Annotated[str, Query(max_length=MAX_SEARCH_CHARS)] = "",
    sort: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = None,
    facets: Annotated[str, Query(max_length=10)] = "",
    narrow: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """The list, its filter and its facets; with `narrow` (COLUMN:LOW:HIGH) to the address of a narrower filter."""
    query = facet_views.Query(where.strip(), search.strip(), sort, facets)
    if narrow:
        return RedirectResponse(query.url(where=_narrow(query.where, narrow)), 303)
    frame = see_frame(services, viewer)
    try:
        tree = parse_filter(query.where) if query.where else None
        found = _list(site.previews.read, services, frame, query, cursor)
        beside = _view_facets(services, frame, query, tree)
    except (InputError, UnprocessableError) as error:
        found = ListView(error=str(error), is_search=isinstance(error, UnprocessableError))
        beside = _view_facets(services, frame, facet_views.Query(), None)
    return site.respond(
        request,
        "explore.html.jinja",
        viewer,
        query=query,
        found=found,
        facets=beside,
        all_traces=frame.height,
        is_loading=not services.feed.is_ready.is_set(),
        is_later=cursor is not None,
        headers=[_view_header(query, column) for column in _HEADERS],
        sorts=[(name, name_column(name)) for name in SORT_COLUMNS],
        may_curate=viewer.may(Role.CURATOR),
        now=to_moment(services.now()),
        slices=list_slices(services.store.path),
        bulks=_list_bulks(services) if viewer.may(Role.CURATOR) else [],
    )


@router.get("/explore/complete")
def suggest(
    services: ServicesDep,
    _: Viewer,
    text: Annotated[str, Query(max_length=MAX_FILTER_CHARS)] = "",
    at: Annotated[int, Query(ge=0, le=MAX_FILTER_CHARS)] = 0,
) -> Response:
    """What can follow the beginning of a filter."""
    items = [vars(one) for one in complete(text, at, services.feed.frame)]
    return render({"items": items})


def _list(read: Any, services: Services, frame: Frame, query: facet_views.Query, cursor: str | None) -> ListView:
    order = read_order(query.sort or None)
    page = frame.page(
        choose(services, frame, query.where or None, query.search or None), order, read_place(cursor, order), PAGE_ROWS
    )
    rows = [int(row) for row in page.rows]
    after = write_place(page.end, order)
    return ListView(
        rows=tuple(frame.read(np.asarray(rows, np.int64))),
        previews=tuple(read(services, frame, rows, PREVIEW_SECONDS)) if rows else (),
        total=page.total,
        next_url=query.url(cursor=after) if after else "",
    )


def _view_facets(services: Services, frame: Frame, query: facet_views.Query, tree: Filter | None) -> list[FacetView]:
    columns = MAIN_FACETS + (MORE_FACETS if query.facets else ())
    return view_facets(services, frame, query, tree, columns)


def _list_bulks(services: Services) -> list[dict[str, Any]]:
    """The latest bulk events that stand: each can be undone as one."""
    with services.database.read() as connection:
        rows = list_bulks(connection, None, MAX_BULKS)
    named = ("id", "filter", "traces", "author", "action")
    standing = [{name: getattr(row, name) for name in named} for row in rows if row.undone_at is None]
    return [one | {"etag": make_etag("bulk", one["id"], 0)} for one in standing]


def _view_header(query: facet_views.Query, column: str) -> dict[str, str]:
    """A column's header: a click sorts by it, a second one the other way round."""
    now = query.sort or "-created_at"
    is_down, is_up = now == f"-{column}", now == column
    direction = "descending" if is_down else "ascending" if is_up else "none"
    url = query.url(sort=column if is_down else f"-{column}")
    return {"column": column, "title": name_column(column), "url": url, "direction": direction}


def _narrow(where: str, asked: str) -> str:
    """The filter with a column between two bounds, both included; where they can't be read, the filter as it is."""
    column, _, ends = asked.partition(":")
    try:
        low, high = (float(end) if end else None for end in ends.split(":"))
        tree = parse_filter(where) if where else None
    except (ValueError, InputError):
        return where
    if column not in SORT_COLUMNS or not all(end is None or math.isfinite(end) for end in (low, high)):
        return where
    return Narrowing.of(tree).limit(column, low, high, inclusive=True).text
