"""Which traces of which store version a release holds, and how many each choice left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tracewright.pipeline.curate import CURATION, Slice, read_slice
from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.store import Standing, Store
from tracewright.schemas.errors import InputError
from tracewright.schemas.release import StageCount
from tracewright.schemas.trace import Rejection

_IMPORTED = "import"
"""The `engine` of traces that came from files."""


@dataclass(frozen=True)
class Selection:
    """The chosen traces."""

    version: int
    """Of the store."""
    committed_at: datetime
    frame: pl.DataFrame
    """The chosen rows of the store's frame."""
    where: str | None
    slice: Slice | None
    funnel: tuple[StageCount, ...]
    review_watermark: int
    standing: Mapping[str, Standing]
    """What reviewers say of the store's traces."""


def select_traces(
    store: Store, *, where: str | None, slice_name: str | None, at: int | None, review_watermark: int | None = None
) -> Selection:
    """Choose what both the slice and the filter let through.

    Raises:
        InputError: the filter is wrong, the slice belongs to another version than `at`, reviews are not published up
            to the watermark, or nothing is left.
        MissingInputError: there is no such slice.
    """
    saved = read_slice(store.path, slice_name) if slice_name else None
    version = _choose_version(store, saved, at)
    moment = store.committed_at(version)
    watermark = store.reviews.watermark() if review_watermark is None else review_watermark
    everything = store.frame(version, watermark)
    funnel = _count_before(store, everything, moment)
    chosen, counts = _apply_slice(everything, saved)
    funnel += counts
    if where:
        kept = chosen.filter(parse_filter(where).to_polars())
        funnel.append(_count("where", chosen.height, kept.height, "does not match the filter"))
        chosen = kept
    if chosen.is_empty():
        raise InputError(_explain_empty(version, everything.height, funnel))
    condition = str(parse_filter(where)) if where else None
    return Selection(version, moment, chosen, condition, saved, tuple(funnel), watermark, store.standing(watermark))


def _choose_version(store: Store, saved: Slice | None, at: int | None) -> int:
    bound = saved.store_version if saved is not None and saved.trace_ids is not None else None
    if bound is not None and at is not None and at != bound:
        raise InputError(
            f"the slice was made from version {bound} of the store, not {at}: leave the store version out, or "
            "curate again"
        )
    if at is not None:
        return at
    return store.version() if bound is None else bound


def _apply_slice(frame: pl.DataFrame, saved: Slice | None) -> tuple[pl.DataFrame, list[StageCount]]:
    if saved is None:
        return frame, []
    if saved.trace_ids is not None:
        kept = frame.filter(pl.col("trace_id").is_in(pl.Series(saved.trace_ids, dtype=pl.String).implode()))
        if kept.height != len(saved.trace_ids):
            raise InputError(
                f"the slice {saved.name!r} keeps {len(saved.trace_ids)} traces and version {saved.store_version} of "
                f"the store has {kept.height} of them: curate again"
            )
        return kept, list(saved.funnel)
    if saved.where is None:
        return frame, []
    kept = frame.filter(parse_filter(saved.where).to_polars())
    return kept, [_count(f"slice {saved.name}", frame.height, kept.height, "does not match the slice's filter")]


def _count_before(store: Store, everything: pl.DataFrame, moment: datetime) -> list[StageCount]:
    """What was lost on the way into the store, until the moment: rows refused when read, completions not finished."""
    attempts = {attempt.trace_id: attempt.kind.value for attempt in store.attempts() if attempt.created_at <= moment}
    finished = set(everything["trace_id"].to_list()) if attempts else set[str]()
    lost = Counter(kind for trace_id, kind in sorted(attempts.items()) if trace_id not in finished)
    started = everything.height + lost.total()
    stage = "import" if set(everything["engine"].unique()) == {_IMPORTED} else "generate"
    generated = StageCount(stage=stage, rows_in=started, rows_out=everything.height, reasons=dict(lost))
    return [*_count_refused(store.rejections(), started, moment), generated]


def _count_refused(rejections: Iterable[Rejection], passed: int, moment: datetime) -> list[StageCount]:
    reasons: dict[str, Counter[str]] = {}
    for rejection in rejections:
        if rejection.created_at <= moment and not rejection.stage.startswith(f"{CURATION}."):
            reasons.setdefault(rejection.stage, Counter())[rejection.reason] += 1
    counts: list[StageCount] = []
    for stage, counted in reversed(reasons.items()):
        refused = sum(counted.values())
        counts.append(
            StageCount(stage=stage, rows_in=passed + refused, rows_out=passed, reasons=dict(sorted(counted.items())))
        )
        passed += refused
    return counts[::-1]


def _count(stage: str, rows_in: int, rows_out: int, reason: str) -> StageCount:
    reasons = {reason: rows_in - rows_out} if rows_in > rows_out else {}
    return StageCount(stage=stage, rows_in=rows_in, rows_out=rows_out, reasons=reasons)


def _explain_empty(version: int, traces: int, funnel: list[StageCount]) -> str:
    if traces == 0:
        return f"version {version} of the store holds no traces: generate or import some first"
    steps = ", ".join(f"{count.stage} kept {count.rows_out} of {count.rows_in}" for count in funnel)
    return (
        f"nothing to release: of the {traces} traces in version {version} of the store none is left ({steps}): "
        "widen the filter, or loosen the stage that turned them away"
    )
