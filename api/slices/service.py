"""Saving slices and choosing their traces."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from tracewright.api.http.changes import Change
from tracewright.api.http.errors import StaleError
from tracewright.api.http.etags import check_match, make_etag
from tracewright.api.services import Services
from tracewright.api.traces.frame import Frame
from tracewright.api.traces.service import require_whole
from tracewright.pipeline.curate.slices import Slice, list_slices, read_slice, write_slice
from tracewright.pipeline.filter import parse_filter


def save_slice(change: Change, name: str, where: str, if_match: str | None) -> Slice:
    """Save a filter under a name; the audit log keeps what stood there before.

    Raises:
        InputError: the filter is wrong.
        UnconditionalError: there is a slice of that name, and no `If-Match`.
        StaleError: `If-Match` does not name the slice's version, or there is no slice.
    """
    store = change.services.store.path
    text = str(parse_filter(where))
    before = read_slice(store, name) if name in list_slices(store) else None
    if before is not None:
        check_match(if_match, slice_etag(before))
    elif if_match is not None:
        raise StaleError(f"there is no slice {name!r} to change: leave `If-Match` out to make one")
    saved = Slice(name=name, where=text, created_at=datetime.fromtimestamp(change.now / 1e6, UTC))
    change.audit("slice.save", name, where=text, before=None if before is None else before.where)
    write_slice(store, saved)
    return saved


def choose_slice(services: Services, frame: Frame, name: str) -> np.ndarray:
    """The rows of a slice's traces, ascending.

    Raises:
        MissingInputError: there is no such slice.
    """
    require_whole(frame)
    saved = read_slice(services.store.path, name)
    ids = None if saved.trace_ids is None else set(saved.trace_ids)
    rows = frame.choose(parse_filter(saved.where) if saved.where and ids is None else None, ids)
    return np.arange(frame.height) if rows is None else rows


def slice_etag(saved: Slice) -> str:
    """Which version of a slice there is."""
    return make_etag("slice", saved.digest[:32])


def to_slice(saved: Slice) -> dict[str, Any]:
    """A slice, as it is answered."""
    return {
        "name": saved.name,
        "where": saved.where,
        "created_at": saved.created_at,
        "store_version": saved.store_version,
        "traces": None if saved.trace_ids is None else len(saved.trace_ids),
        "stages": list(saved.stages),
    }
