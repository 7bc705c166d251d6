"""What stands of reviews on each row of a frame: small arrays, made anew with every review; the rest when asked for.

With 1,000,000 rows a review costs a copy of 5 MB, and not the 30 MB of columns that few requests look at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tracewright.api.traces.facets import MAX_BINS, FacetCodes
from tracewright.pipeline.filter import COLUMNS, REVIEW_COLUMNS
from tracewright.schemas.review import Decision

REVIEW_NAMES = frozenset(column.name for column in REVIEW_COLUMNS)
DECISIONS: tuple[Decision | None, ...] = (None, Decision.ACCEPT, Decision.UNSURE, Decision.REJECT)
"""The more careful ones come later: where reviewers differ, the latest of these is the trace's."""
_FIRST_CAREFUL = DECISIONS.index(Decision.UNSURE)
_LABELS = tuple(decision.value for decision in DECISIONS if decision is not None)
_DECISION_NAMES = pl.Series("decision", [None, *_LABELS], dtype=COLUMNS["decision"].dtype)
_COLUMNS = "columns"


@dataclass(frozen=True)
class Standings:
    """For each row the place of its standing decision in `DECISIONS`, and how many reviewers have decided."""

    decided: np.ndarray
    counts: np.ndarray
    blind: np.ndarray
    """Whether a queue still waits for judgements that nobody is to be led in."""
    _made: dict[str, list[pl.Series]] = field(default_factory=dict[str, list[pl.Series]])
    _covered: list[Standings] = field(default_factory=list["Standings"])

    @classmethod
    def of_none(cls, rows: int) -> Standings:
        """Of so many rows without reviews."""
        return cls(np.zeros(rows, np.int8), np.zeros(rows, np.int32), np.zeros(rows, np.bool_))

    def extend(self, rows: int) -> Standings:
        """With so many rows without reviews at the end."""
        none = Standings.of_none(rows)
        return Standings(
            np.concatenate([self.decided, none.decided]),
            np.concatenate([self.counts, none.counts]),
            np.concatenate([self.blind, none.blind]),
        )

    def take(self, rows: np.ndarray) -> Standings:
        """Of some rows."""
        return Standings(self.decided[rows], self.counts[rows], self.blind[rows])

    def cover(self) -> Standings:
        """As those see it who may not be led: without what was said of blind traces."""
        if not self._covered:
            blind = np.flatnonzero(self.blind)
            covered = Standings(self.decided.copy(), self.counts.copy(), self.blind) if len(blind) else self
            if len(blind):
                covered.decided[blind], covered.counts[blind] = 0, 0
            self._covered.append(covered)
        return self._covered[0]

    def join(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with the columns of reviews."""
        if _COLUMNS not in self._made:
            self._made[_COLUMNS] = [
                pl.Series("flagged", self.decided >= _FIRST_CAREFUL),
                pl.Series("review_count", self.counts.astype(np.int64)),
                _DECISION_NAMES.gather(self.decided),
            ]
        return rows.with_columns(self._made[_COLUMNS])

    def numbers(self, column: str) -> np.ndarray:
        """One of the columns that lists can be sorted by, as floats."""
        return (self.decided >= _FIRST_CAREFUL if column == "flagged" else self.counts).astype(np.float64)

    def facets(self, columns: tuple[str, ...], chosen: np.ndarray | None) -> list[dict[str, Any]]:
        """The facets of those of the columns that are of reviews."""
        wanted, found = REVIEW_NAMES.intersection(columns), list[dict[str, Any]]()
        none = np.array([], np.uint16)
        if wanted - {"review_count"}:
            decided = _count(self.decided, chosen, len(DECISIONS))
            flagged = [0, decided[:_FIRST_CAREFUL].sum(), decided[_FIRST_CAREFUL:].sum()]
            found.append(FacetCodes("decision", none, labels=_LABELS).describe(decided))
            found.append(FacetCodes("flagged", none, edges=(0.0, 1.0, 2.0)).describe(np.array(flagged)))
        if "review_count" in wanted:
            counts = _count(self.counts, chosen)
            found.append(_count_counts(counts, int(self.counts.max(initial=0))))
        return found


def _count(values: np.ndarray, chosen: np.ndarray | None, least: int = 1) -> np.ndarray:
    """How many of the chosen rows have each number: most have zero, which is told without counting it."""
    some = values if chosen is None else values.take(chosen)
    there = some[some != 0]
    counts = np.bincount(there, minlength=least)
    counts[0] = len(some) - len(there)
    return counts


def _count_counts(counts: np.ndarray, highest: int) -> dict[str, Any]:
    """A histogram from how many rows have each number of reviews."""
    bins = min(MAX_BINS, highest + 1)
    width = -(-(highest + 1) // bins)
    padded = np.zeros(bins * width, np.int64)
    padded[: len(counts)] = counts
    edges = tuple(float(width * place) for place in range(bins + 1))
    codes = FacetCodes("review_count", np.array([], np.uint16), edges=edges)
    return codes.describe(np.concatenate([[0], padded.reshape(bins, width).sum(1)]))
