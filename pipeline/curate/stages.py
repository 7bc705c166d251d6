"""The stages of curation: each looks at the rows that the stages before it kept and says which to turn away, and why.

Rows are those of the store's frame. A reason is a fixed phrase, so that reasons can be counted; what it rests on is in
the numbers beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import polars as pl
from pydantic import Field, model_validator

from tracewright.pipeline.filter import parse_filter
from tracewright.schemas.base import Count, Frozen
from tracewright.schemas.verdict import Outcome

Judgement = Literal[True] | tuple[Literal[False], str]
"""Keep the row, or turn it away for a reason."""


class Stage(Protocol):
    """One line of a curation."""

    @property
    def kind(self) -> str:
        """The stage's name in counts, rejections and slices."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the frame lacks and `texts.add_text_columns` makes."""
        ...

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns whose values go into a rejection."""
        ...

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """For each row null to keep it, or the reason to turn it away. The same rows in another order give the same."""
        ...

    def describe(self) -> dict[str, Any]:
        """The stage's settings, as JSON."""
        ...


class _Configured(Frozen):
    """A stage that is its own config."""

    _needs: ClassVar[tuple[str, ...]] = ()
    _numbers: ClassVar[tuple[str, ...]] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the frame lacks."""
        return self._needs

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns whose values go into a rejection."""
        return self._numbers

    def describe(self) -> dict[str, Any]:
        """The stage's settings, as JSON."""
        return self.model_dump(mode="json")


class Outcomes(_Configured):
    """Keeps traces with one of these outcomes."""

    kind: Literal["outcomes"] = "outcomes"
    keep: tuple[Outcome, ...] = (Outcome.CORRECT,)

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`outcome …` for the others."""
        outcome = rows["outcome"].cast(pl.String)
        return _where(~outcome.is_in([kept.value for kept in self.keep]), pl.lit("outcome ") + outcome)


class NoFailedStep(_Configured):
    """Keeps traces in which no step fails its check, or the author takes it back."""

    kind: Literal["no_failed_step"] = "no_failed_step"
    _numbers: ClassVar[tuple[str, ...]] = ("failed_steps", "first_failed_step")

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`a step fails its check` for the others."""
        return _where(rows["failed_steps"] > 0, "a step fails its check")


class LengthLimits(_Configured):
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


class ExactDuplicates(_Configured):
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
        return _where(~firsts["first"], "same problem and text as another trace")


class Matching(_Configured):
    """Keeps traces that a filter lets through."""

    kind: Literal["matching"] = "matching"
    where: str

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`does not match the filter` for the others."""
        matches = rows.select(parse_filter(self.where).to_polars().fill_null(value=False)).to_series()
        return _where(~matches, "does not match the filter")


StageConfig = Annotated[
    Outcomes | NoFailedStep | LengthLimits | ExactDuplicates | Matching, Field(discriminator="kind")
]
"""The stages that a config file or a slice can name by their `kind`."""


@dataclass(frozen=True)
class RowStage:
    """A stage made of a function that judges one row of the frame: True, or False with a reason."""

    kind: str
    judge: Callable[[Mapping[str, Any]], Judgement]
    numbers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """What the function says of each row."""
        return pl.Series([_reason(self.judge(row)) for row in rows.iter_rows(named=True)], dtype=pl.String)

    def describe(self) -> dict[str, Any]:
        """The stage's name: its function can't be written down."""
        return {"kind": self.kind}


def _reason(judgement: Judgement) -> str | None:
    return judgement[1] if isinstance(judgement, tuple) else None


def _where(turned_away: pl.Series, reason: str | pl.Expr) -> pl.Series:
    then = pl.lit(reason) if isinstance(reason, str) else reason
    return turned_away.to_frame("away").select(pl.when("away").then(then)).to_series()
