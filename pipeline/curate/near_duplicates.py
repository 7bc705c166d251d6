"""Near duplicates: of the problems that ask nearly the same, and of the ways that say nearly the same."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field

from tracewright.pipeline.curate.stage import EVIDENCE, ConfiguredStage
from tracewright.pipeline.duplicates import DuplicateSettings, cluster_problems, cluster_texts


class NearDuplicates(ConfiguredStage):
    """Keeps one of the problems, or of a problem's traces, that say nearly the same (MinHash-LSH; numbers count).

    Over `problem`, the problem with most traces stays, with all of them; over `reasoning`, the trace with the lowest
    sample, then the lowest id. Two problems that differ in a number are different, and so are two traces.
    """

    kind: Literal["near_duplicates"] = "near_duplicates"
    over: Literal["problem", "reasoning"] = "problem"
    min_similarity: float = Field(default=DuplicateSettings().min_similarity, ge=0.4, le=1.0)

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the frame lacks."""
        return ("problem_key", "question_text") if self.over == "problem" else ("problem_key", "text")

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`nearly the same problem as another` or `nearly the same reasoning as another trace of its problem`."""
        judged = self._problems(rows) if self.over == "problem" else self._traces(rows)
        return judged.select(pl.struct("reason", EVIDENCE)).to_series()

    def _problems(self, rows: pl.DataFrame) -> pl.DataFrame:
        problems = rows.group_by("problem_key").agg(pl.first("question_text"), pl.len().alias("traces"))
        problems = problems.sort("problem_key")
        clusters = cluster_problems(problems["question_text"].to_list(), self._settings())
        problems = problems.with_columns(pl.Series("cluster", clusters, dtype=pl.Int64))
        order = problems.sort("traces", "problem_key", descending=[True, False])
        firsts = order.unique("cluster", keep="first", maintain_order=True)
        kept = firsts.select("cluster", kept="problem_key", kept_text="question_text")
        named = problems.join(kept, on="cluster").select("problem_key", "kept", "kept_text")
        found = rows.select("problem_key").join(named, on="problem_key", how="left", maintain_order="left")
        away = pl.col("kept") != pl.col("problem_key")
        return found.select(
            pl.when(away).then(pl.lit("nearly the same problem as another")).alias("reason"),
            pl.when(away).then("kept problem: " + pl.col("kept_text")).alias(EVIDENCE),
        )

    def _traces(self, rows: pl.DataFrame) -> pl.DataFrame:
        placed = rows.select("problem_key", "text", "sample", "trace_id").with_row_index("place")
        order = placed.sort("sample", "trace_id")
        # Each problem by itself: another problem's trace may say nearly the same as two that are not alike.
        clusters = cluster_texts(order["text"].to_list(), self._settings(), order["problem_key"].to_list())
        order = order.with_columns(pl.Series("cluster", clusters, dtype=pl.Int64))
        kept = pl.first("trace_id").over("cluster")
        found = order.with_columns(kept=kept).sort("place")
        away = pl.col("kept") != pl.col("trace_id")
        return found.select(
            pl.when(away).then(pl.lit("nearly the same reasoning as another trace of its problem")).alias("reason"),
            pl.when(away).then("kept trace: " + pl.col("kept")).alias(EVIDENCE),
        )

    def _settings(self) -> DuplicateSettings:
        return DuplicateSettings(min_similarity=self.min_similarity)
