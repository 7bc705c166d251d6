"""Stages over rows, one after another: what is kept, how many each turned away, and every row turned away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tracewright.pipeline.curate.stage import EVIDENCE, Stage
from tracewright.schemas.ids import make_id
from tracewright.schemas.release import StageCount
from tracewright.schemas.trace import Rejection

CURATION = "curate"
"""Rejections of curation have the stage `curate.KIND`: nothing is lost, the trace stays in the store."""


@dataclass(frozen=True)
class StageRun:
    """What stages made of rows."""

    kept: pl.DataFrame
    """The rows that every stage kept, in the order in which they came."""
    counts: tuple[StageCount, ...]
    rejections: tuple[Rejection, ...]
    """The others: each with the first stage that turned it away."""

    @property
    def kept_ids(self) -> tuple[str, ...]:
        """The ids of the kept traces, sorted."""
        return tuple(sorted(self.kept["trace_id"].to_list()))


def run_stages(rows: pl.DataFrame, stages: Sequence[Stage], *, at: datetime) -> StageRun:
    """Run the stages in order, each over what those before it kept.

    Args:
        rows: the store's frame, with the columns that the stages need.
        stages: the stages.
        at: the moment that rejections carry; the store version's commit time makes a second run give the same.
    """
    counts: list[StageCount] = []
    rejections: list[Rejection] = []
    for stage in stages:
        judgements = _as_frame(stage.reasons(rows))
        away = pl.concat([rows.drop(judgements.columns, strict=False), judgements], how="horizontal")
        away = away.filter(pl.col("reason").is_not_null())
        numbers = (*stage.numbers, *(name for name in judgements.columns if name not in ("reason", EVIDENCE)))
        reasons = dict(away.group_by("reason").len().sort("reason").iter_rows())
        kept = rows.filter(judgements["reason"].is_null())
        counts.append(StageCount(stage=_name(stage), rows_in=rows.height, rows_out=kept.height, reasons=reasons))
        rejections.extend(_to_rejections(stage, away, numbers, at))
        rows = kept
    return StageRun(rows, tuple(counts), tuple(rejections))


def _as_frame(judgements: pl.Series) -> pl.DataFrame:
    if isinstance(judgements.dtype, pl.Struct):
        return judgements.struct.unnest()
    return judgements.alias("reason").to_frame()


def _name(stage: Stage) -> str:
    """The kind, and what it looks over where there is a choice: a curation may have it twice."""
    over = stage.describe().get("over")
    return f"{stage.kind}.{over}" if over else stage.kind


def _to_rejections(stage: Stage, away: pl.DataFrame, numbers: tuple[str, ...], at: datetime) -> Iterator[Rejection]:
    name = f"{CURATION}.{_name(stage)}"
    settings = json.dumps(stage.describe(), sort_keys=True)
    columns = ["trace_id", "reason", *numbers, *([EVIDENCE] if EVIDENCE in away.columns else [])]
    for row in away.select(columns).iter_rows(named=True):
        yield Rejection(
            rejection_id=make_id("rejection", name, settings, row["trace_id"], row["reason"]),
            stage=name,
            subject=row["trace_id"],
            reason=row["reason"],
            numbers={number: float(row[number]) for number in numbers if row[number] is not None},
            row=row.get(EVIDENCE) or "",
            created_at=at,
        )
