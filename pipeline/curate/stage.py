"""What a stage of a curation is: it looks at rows that the stages before it kept and says which to turn away, and why.

Rows are those of the store's frame. A reason is a fixed phrase, so that reasons can be counted; what it rests on is in
the numbers and the evidence beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import polars as pl

from tracewright.schemas.base import Frozen

EVIDENCE = "evidence"
"""The field of a judgement that holds a text for a person: the passage that was found, or what was kept instead."""

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
        """For each row null to keep it, or the reason to turn it away. The same rows in another order give the same.

        Instead of a text, a struct with the field `reason`, perhaps `evidence`, and numbers under their names.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """The stage's settings, as JSON."""
        ...


class ConfiguredStage(Frozen):
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


def turn_away(rejected: pl.Series, reason: str | pl.Expr) -> pl.Series:
    then = pl.lit(reason) if isinstance(reason, str) else reason
    return rejected.to_frame("away").select(pl.when("away").then(then)).to_series()
