"""Reading requests for traces: filter, order, cursor."""

from __future__ import annotations

import numpy as np

from tracewright.api.http.access import Principal
from tracewright.api.http.cursors import decode_cursor, encode_cursor
from tracewright.api.http.errors import NotFoundError, UnavailableError, UnprocessableError
from tracewright.api.services import Services
from tracewright.api.traces.facets import FACET_COLUMNS
from tracewright.api.traces.frame import SORT_COLUMNS, Frame, Order, Place
from tracewright.api.users.roles import Role
from tracewright.pipeline.filter import parse_filter

DEFAULT_FACETS = (
    "outcome",
    "model",
    "source",
    "domain",
    "level",
    "confidence",
    "min_step_confidence",
    "step_count",
    "failed_steps",
    "tokens",
    "flagged",
    "review_count",
)


def read_order(sort: str | None) -> Order:
    """The order that a `sort` asks for: a column, with `-` before it for descending.

    Raises:
        UnprocessableError: nothing can be sorted by that column.
    """
    if sort is None:
        return Order()
    order = Order(sort.removeprefix("-"), sort.startswith("-"))
    if order.column not in SORT_COLUMNS:
        raise UnprocessableError(f"can't sort by {order.column!r}: expected one of {', '.join(SORT_COLUMNS)}")
    return order


def read_place(cursor: str | None, order: Order) -> Place | None:
    """The place that a cursor of this order means."""
    if cursor is None:
        return None
    column, descending, key, tie = decode_cursor(cursor, (str, bool, (int, float, type(None)), int))
    if (column, descending) != (order.column, order.descending) or not 0 <= tie < 2**64:
        raise UnprocessableError("the cursor belongs to another order: begin again without one")
    return Place(None if key is None else float(key), tie)


def write_place(place: Place | None, order: Order) -> str | None:
    """A place as a cursor."""
    return None if place is None else encode_cursor(order.column, order.descending, place.key, place.tie)


def read_facets(columns: str | None) -> tuple[str, ...]:
    """The columns that a request for facets names, separated by commas.

    Raises:
        UnprocessableError: one of them has no facet.
    """
    names = DEFAULT_FACETS if columns is None else tuple(dict.fromkeys(columns.split(",")))
    for name in names:
        if name not in FACET_COLUMNS:
            raise UnprocessableError(f"{name!r} has no facet: expected some of {', '.join(FACET_COLUMNS)}")
    return names


def choose(services: Services, frame: Frame, where: str | None, search: str | None = None) -> np.ndarray | None:
    """The rows that a filter and a search let through; None for all."""
    found = services.search.find(search) if search else None
    return frame.choose(parse_filter(where) if where else None, found)


def see_frame(services: Services, viewer: Principal) -> Frame:
    """The newest frame as somebody may see it: only curators see what is said where others are still to judge."""
    frame = services.feed.frame
    return frame if viewer.may(Role.CURATOR) else frame.cover()


def get_row(frame: Frame, trace_id: str) -> int:
    """The row of a trace.

    Raises:
        NotFoundError: there is none of that id.
        UnavailableError: it may be among those that are still being loaded.
    """
    row = frame.row_of(trace_id)
    if row is None:
        require_whole(frame)
        raise NotFoundError(f"there is no trace {trace_id!r}")
    return row


def require_whole(frame: Frame) -> None:
    """Refuse what is about all traces while the service still loads them.

    Raises:
        UnavailableError: it does.
    """
    if not frame.is_whole:
        raise UnavailableError("the traces are still being loaded: try again in a moment, or wait for /readyz")
