"""`/v1/agreement`."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from tracewright.api.agreement.service import measure
from tracewright.api.http.access import Curator
from tracewright.api.http.fields import NAME_PATTERN, Where
from tracewright.api.http.rendering import render
from tracewright.api.services import ServicesDep
from tracewright.api.slices.service import choose_slice
from tracewright.pipeline.filter import parse_filter

router = APIRouter(prefix="/agreement", tags=["agreement"])


class AlphaFacts(BaseModel):
    """Krippendorff's alpha with its 95 % interval; null where nothing was judged twice, or all said the same."""

    alpha: float | None
    low: float | None
    high: float | None
    units: int
    values: int


class PairFacts(BaseModel):
    """Two reviewers."""

    reviewers: list[str]
    decisions: AlphaFacts
    steps: AlphaFacts


class Agreement(BaseModel):
    """How far reviewers agree on traces (nominal) and on steps (ordinal)."""

    traces: int
    decisions: AlphaFacts
    steps: AlphaFacts
    pairs: list[PairFacts]


@router.get("", response_model=Agreement)
def read_agreement(
    services: ServicesDep,
    _: Curator,
    slice_: Annotated[str | None, Query(alias="slice", pattern=NAME_PATTERN)] = None,
    where: Where = None,
) -> Response:
    """Agreement on a slice's traces, on those that a filter lets through, or on all."""
    frame = services.feed.frame
    chosen = frame.choose(parse_filter(where) if where else None, services.feed.reviewed())
    rows = np.array([], np.int64) if chosen is None else chosen
    if slice_ is not None:
        rows = np.intersect1d(rows, choose_slice(services, frame, slice_))
    return render(measure(services, frame.scalars["trace_id"][rows].to_list()))
