"""No domain and no difficulty outweighs the others."""

from __future__ import annotations

from typing import Literal, Self

import polars as pl
from pydantic import Field, model_validator

from tracewright.pipeline.curate.stage import ConfiguredStage
from tracewright.schemas.ids import hash_to_unit


class Balance(ConfiguredStage):
    """Keeps so many traces of each group at most; a group is what has the same domain and level, or as `by` says.

    Which problems of a group stay is decided by a hash of the problem and the seed: a problem's traces stay together,
    as far as the limit lets them, and more data changes little of what was kept before.
    """

    kind: Literal["balance"] = "balance"
    by: tuple[Literal["domain", "level", "source", "model"], ...] = Field(default=("domain", "level"), min_length=1)
    max_traces: int | None = Field(default=None, ge=1)
    """Of each group."""
    max_times_median: float | None = Field(default=None, gt=0)
    """Of each group, as a multiple of the median group's traces."""
    seed: int = 0

    @model_validator(mode="after")
    def _check_limit(self) -> Self:
        if (self.max_traces is None) == (self.max_times_median is None):
            raise ValueError("balance takes max_traces or max_times_median, one of the two")
        return self

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the frame lacks."""
        return ("problem_key",)

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`its group has enough traces` for the others, with the group's traces and its limit."""
        problems = rows.select(pl.col("problem_key").unique().sort())
        draws = [hash_to_unit("balance", self.seed, key.hex()) for key in problems["problem_key"]]
        drawn = problems.with_columns(pl.Series("draw", draws, dtype=pl.Float64))
        groups = [pl.col(name).cast(pl.String).fill_null("") if name != "level" else pl.col(name) for name in self.by]
        placed = rows.select("trace_id", "problem_key", group=pl.struct(groups)).with_row_index("place")
        placed = placed.join(drawn, on="problem_key", how="left").sort("draw", "problem_key", "trace_id")
        ranked = placed.with_columns(
            rank=pl.int_range(pl.len()).over("group"), group_traces=pl.len().over("group").cast(pl.Float64)
        ).sort("place")
        limit = self._limit(ranked)
        reason = pl.when(pl.col("rank") >= limit).then(pl.lit("its group has enough traces")).alias("reason")
        return ranked.select(pl.struct(reason, "group_traces", pl.lit(limit).alias("group_limit"))).to_series()

    def _limit(self, ranked: pl.DataFrame) -> float:
        if self.max_traces is not None:
            return float(self.max_traces)
        sizes = ranked.group_by("group").len()["len"]
        return max(1.0, float(sizes.median() or 0.0) * (self.max_times_median or 1.0))  # type: ignore[arg-type]
