"""From a store to a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracewright.pipeline.curate.run import run_stages
from tracewright.pipeline.curate.slices import Slice, write_slice
from tracewright.pipeline.curate.stage import Stage
from tracewright.pipeline.curate.stages import Matching
from tracewright.pipeline.curate.texts import TEXT_SOURCES, add_text_columns
from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.store import Store
from tracewright.schemas.release import StageCount
from tracewright.schemas.trace import Rejection


@dataclass(frozen=True)
class Curated:
    """A saved slice, and what was turned away for it."""

    slice: Slice
    rejections: tuple[Rejection, ...]


def curate(
    store: Store,
    stages: Sequence[Stage],
    *,
    name: str,
    where: str | None = None,
    at: int | None = None,
    review_watermark: int | None = None,
) -> Curated:
    """Run the stages over a version of the store and save what they keep as a slice.

    The same version, published reviews, filter and stages give the same slice. Traces themselves stay as they are; the
    rejections are returned for the caller to keep.

    Args:
        store: the store.
        stages: the stages, in order.
        name: the slice's name; one of that name is replaced.
        where: a filter that decides what comes into the first stage.
        at: the store's version; None is the newest.
        review_watermark: the number up to which published reviews count; None is all of them.

    Raises:
        InputError: the filter or the name is wrong, or reviews are not published up to the watermark.
        StoreError: the store can't be read or written.
    """
    version = store.version() if at is None else at
    moment = store.committed_at(version)
    watermark = store.reviews.watermark() if review_watermark is None else review_watermark
    rows = store.frame(version, watermark)
    if needs := {need for stage in stages for need in stage.needs}:
        rows = add_text_columns(rows, store.iter_tables(version, TEXT_SOURCES), needs)
    chosen = run_stages(rows, [Matching(where=where)] if where else [], at=moment)
    run = run_stages(chosen.kept, stages, at=moment)
    saved = Slice(
        name=name,
        where=str(parse_filter(where)) if where else None,
        store_version=version,
        review_watermark=watermark,
        created_at=moment,
        stages=tuple(stage.describe() for stage in stages),
        funnel=(*_rename(chosen.counts), *run.counts),
        trace_ids=run.kept_ids,
    )
    write_slice(store.path, saved)
    return Curated(saved, run.rejections)


def _rename(counts: Sequence[StageCount]) -> list[StageCount]:
    return [count.model_copy(update={"stage": "where"}) for count in counts]
