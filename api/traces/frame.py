"""The frame: every trace's scalar columns at one moment, and the questions it answers. Never changed once made.

A list is ordered by a number and then by a hash of the trace id, which is the same in every frame: so a cursor (the
last row's number and hash) stays right while rows arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tracewright.api.traces.facets import FacetCodes, build_codes
from tracewright.pipeline.filter import COLUMNS, REVIEW_COLUMNS, ColumnKind, Filter
from tracewright.pipeline.store.table import StoredFile
from tracewright.schemas.review import Decision

SORT_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.kind is not ColumnKind.TEXT)
"""Numbers, moments, and true or false."""
_REVIEW_NAMES = tuple(column.name for column in REVIEW_COLUMNS)
DECISIONS: tuple[Decision | None, ...] = (None, Decision.ACCEPT, Decision.UNSURE, Decision.REJECT)
"""The more careful ones come later: where reviewers differ, the latest of these is the trace's."""
_FIRST_CAREFUL = DECISIONS.index(Decision.UNSURE)
_MAX_CHUNKS = 24
"""Appending makes chunks; more of them than this slow every filter down."""
_ID_SEED = 7


@dataclass(frozen=True)
class Order:
    """What a list is ordered by; missing values come last either way."""

    column: str = "created_at"
    descending: bool = True


@dataclass(frozen=True)
class Place:
    """Where a page ended: the last row's key (None where its value is missing) and the hash of its id."""

    key: float | None
    tie: int


@dataclass(frozen=True)
class Page:
    """Some rows of a list, how many there are in all, and where the page ended if there are more."""

    rows: np.ndarray
    total: int
    end: Place | None


@dataclass(frozen=True)
class Frame:
    """The traces of one moment."""

    rows: pl.DataFrame
    files: tuple[StoredFile, ...]
    starts: np.ndarray
    """The row at which each file begins, and at the end the number of rows."""
    ids: dict[str, int]
    """From id to row; may know rows that were appended later."""
    ties: np.ndarray
    decided: np.ndarray
    """For each row the place of its standing decision in `DECISIONS`."""
    review_count: np.ndarray
    _numbers: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    _codes: dict[str, FacetCodes] = field(default_factory=dict[str, FacetCodes])

    @property
    def height(self) -> int:
        """How many traces there are."""
        return self.rows.height

    def row_of(self, trace_id: str) -> int | None:
        """The row of a trace."""
        row = self.ids.get(trace_id)
        return None if row is None or row >= self.height else row

    def locate(self, row: int) -> tuple[StoredFile, int]:
        """The shard that holds a row, and which of its rows that is."""
        file = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.files[file], row - int(self.starts[file])

    def choose(self, where: Filter | None, among: set[str] | None = None) -> np.ndarray | None:
        """The rows that the filter lets through, ascending; None for all. `among` are ids to choose from."""
        if where is None and among is None:
            return None
        chosen = np.ones(self.height, np.bool_)
        if where is not None:
            chosen &= self.rows.select(where.to_polars()).to_series().to_numpy()
        if among is not None:
            found = np.zeros(self.height, np.bool_)
            found[[row for row in map(self.row_of, among) if row is not None]] = True
            chosen &= found
        return np.flatnonzero(chosen)

    def page(self, chosen: np.ndarray | None, order: Order, after: Place | None, limit: int) -> Page:
        """The first rows of the chosen ones beyond a place."""
        keys = self._keys(order)
        rows = np.arange(self.height) if chosen is None else chosen
        total = len(rows)
        if chosen is not None:
            keys = keys[chosen]
        if after is not None:
            rows, keys = self._skip(rows, keys, after)
        first = self._first(rows, keys, limit + 1)
        shown = first[:limit]
        end = None
        if len(first) > limit:
            key = float(self._keys(order)[shown[-1]])
            end = Place(None if np.isinf(key) else key, int(self.ties[shown[-1]]))
        return Page(shown, total, end)

    def facets(self, columns: tuple[str, ...], chosen: np.ndarray | None) -> list[dict[str, Any]]:
        """For each column its counts among the chosen rows."""
        return [self._codes_of(column).count(chosen) for column in columns]

    def read(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """The rows' columns."""
        return self.rows[rows.astype(np.uint32)].to_dicts()

    def numbers(self, column: str) -> np.ndarray:
        """A column as floats; NaN where a value is missing."""
        if column not in self._numbers:
            self._numbers[column] = _to_numbers(self.rows[column])
        return self._numbers[column]

    def with_reviews(self, decided: np.ndarray, review_count: np.ndarray) -> Frame:
        """The same traces with other review summaries."""
        rows = self.rows.with_columns(_review_columns(decided, review_count))
        numbers = {name: values for name, values in self._numbers.items() if name not in _REVIEW_NAMES}
        codes = {name: values for name, values in self._codes.items() if name not in _REVIEW_NAMES}
        return Frame(rows, self.files, self.starts, self.ids, self.ties, decided, review_count, numbers, codes)

    def append(self, files: tuple[StoredFile, ...], frames: list[pl.DataFrame]) -> Frame:
        """With the rows of further shards at the end."""
        new = pl.concat(frames)
        nothing = np.zeros(new.height, np.int64)
        new = new.with_columns(_review_columns(nothing, nothing))
        rows = pl.concat([self.rows, new.select(self.rows.columns)])
        if rows.n_chunks() > _MAX_CHUNKS:
            rows = rows.rechunk()
        self.ids.update(zip(new["trace_id"].to_list(), range(self.height, rows.height), strict=True))
        return Frame(
            rows,
            (*self.files, *files),
            np.concatenate([self.starts, self.height + np.cumsum([frame.height for frame in frames])]),
            self.ids,
            np.concatenate([self.ties, _hash_ids(new)]),
            np.concatenate([self.decided, nothing]),
            np.concatenate([self.review_count, nothing]),
            {name: np.concatenate([old, _to_numbers(new[name])]) for name, old in self._numbers.items()},
            {name: old.extend(new[name]) for name, old in self._codes.items()},
        )

    def _codes_of(self, column: str) -> FacetCodes:
        if column not in self._codes:
            self._codes[column] = build_codes(column, self.rows[column])
        return self._codes[column]

    def _keys(self, order: Order) -> np.ndarray:
        """Ascending in the list's order; infinite where a value is missing."""
        values = self.numbers(order.column)
        return np.where(np.isnan(values), np.inf, -values if order.descending else values)

    def _skip(self, rows: np.ndarray, keys: np.ndarray, after: Place) -> tuple[np.ndarray, np.ndarray]:
        key = np.inf if after.key is None else after.key
        beyond = keys > key
        level = np.flatnonzero(keys == key)
        beyond[level[self.ties[rows[level]] > np.uint64(after.tie)]] = True
        return rows[beyond], keys[beyond]

    def _first(self, rows: np.ndarray, keys: np.ndarray, count: int) -> np.ndarray:
        """The first rows in order. Sorting all of 700,000 takes 90 ms, finding where the first 50 end 6 ms."""
        if len(rows) > count:
            last = np.partition(keys, count - 1)[count - 1]
            before, level = np.flatnonzero(keys < last), np.flatnonzero(keys == last)
            wanted = count - len(before)
            if len(level) > wanted:
                level = level[np.argpartition(self.ties[rows[level]], wanted - 1)[:wanted]]
            kept = np.concatenate([before, level])
            rows, keys = rows[kept], keys[kept]
        return rows[np.lexsort((self.ties[rows], keys))]


def make_empty_frame() -> Frame:
    """A frame without rows."""
    rows = pl.DataFrame(schema={column.name: column.dtype for column in COLUMNS.values()})
    none = np.array([], np.int64)
    return Frame(rows, (), np.array([0]), {}, none.astype(np.uint64), none, none)


def _review_columns(decided: np.ndarray, review_count: np.ndarray) -> list[pl.Series]:
    names = [None if decision is None else decision.value for decision in DECISIONS]
    decisions = pl.Series("decision", names, dtype=COLUMNS["decision"].dtype)
    return [
        pl.Series("flagged", decided >= _FIRST_CAREFUL),
        pl.Series("review_count", review_count.astype(np.int64)),
        decisions.gather(decided),
    ]


def _hash_ids(rows: pl.DataFrame) -> np.ndarray:
    return rows["trace_id"].hash(_ID_SEED).to_numpy()


def _to_numbers(values: pl.Series) -> np.ndarray:
    if values.dtype == pl.Datetime:
        values = values.dt.epoch("us")
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
