"""Stages that look at what the store's frame holds of each trace, and the exact duplicates."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import polars as pl
from pydantic import model_validator

from tracewright.pipeline.curate.stage import ConfiguredStage, turn_away
from tracewright.pipeline.filter import parse_filter
from tracewright.schemas.base import Count
from tracewright.schemas.verdict import Outcome


class Outcomes(ConfiguredStage):
    """Keeps traces with one of these outcomes."""

    kind: Literal["outcomes"] = "outcomes"
    keep: tuple[Outcome, ...] = (Outcome.CORRECT,)

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`outcome …` for the others."""
        outcome = rows["outcome"].cast(pl.String)
        return turn_away(~outcome.is_in([kept.value for kept in self.keep]), pl.lit("outcome ") + outcome)


class NoFailedStep(ConfiguredStage):
    """Keeps traces in which no step fails its check, or the author takes it back."""

    kind: Literal["no_failed_step"] = "no_failed_step"
    _numbers: ClassVar[tuple[str, ...]] = ("failed_steps", "first_failed_step")

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`a step fails its check` for the others."""
        return turn_away(rows["failed_steps"] > 0, "a step fails its check")


class LengthLimits(ConfiguredStage):
    """Keeps traces whose tokens and steps lie within limits, both ends included."""

    kind: Literal["length_limits"] = "length_limits"
    _numbers: ClassVar[tuple[str, ...]] = ("tokens", "step_count")
    min_tokens: Count = 0
    max_tokens: Count | None = None
    min_steps: Count = 0
    max_steps: Count | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for unit, least, most in self._limits():
            if most is not None and most < least:
                raise ValueError(f"max_{unit} is {most} and min_{unit} {least}: no trace could have both")
        return self

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`too few …` or `too many …` for the others; the first limit that is passed counts."""
        expression: pl.Expr = pl.lit(None, pl.String)
        for unit, least, most in reversed(self._limits()):
            column = pl.col("tokens" if unit == "tokens" else "step_count")
            expression = pl.when(column < least).then(pl.lit(f"too few {unit}")).otherwise(expression)
            if most is not None:
                expression = pl.when(column > most).then(pl.lit(f"too many {unit}")).otherwise(expression)
        return rows.select(expression).to_series()

    def _limits(self) -> tuple[tuple[str, int, int | None], ...]:
        return ("tokens", self.min_tokens, self.max_tokens), ("steps", self.min_steps, self.max_steps)


class ExactDuplicates(ConfiguredStage):
    """Keeps one of the traces that say the same about the same problem, whatever the teacher.

    The same is: equal but for white space. Numbers, case and punctuation count. The trace with the lowest sample, then
    the lowest id stays, in whatever order they were stored.
    """

    kind: Literal["exact_duplicates"] = "exact_duplicates"
    _needs: ClassVar[tuple[str, ...]] = ("problem_key", "text_key")

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`same problem and text as another trace` for all but one of them."""
        ordered = rows.select("problem_key", "text_key", "sample", "trace_id").with_row_index("place")
        same = pl.struct("problem_key", "text_key")
        firsts = ordered.sort("sample", "trace_id").with_columns(first=same.is_first_distinct()).sort("place")
        return turn_away(~firsts["first"], "same problem and text as another trace")


class Matching(ConfiguredStage):
    """Keeps traces that a filter lets through."""

    kind: Literal["matching"] = "matching"
    where: str

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`does not match the filter` for the others."""
        matches = rows.select(parse_filter(self.where).to_polars().fill_null(value=False)).to_series()
        return turn_away(~matches, "does not match the filter")
