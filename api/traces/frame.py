"""The frame: every trace's scalar columns at one moment, and the questions it answers. Never changed once made.

A list is ordered by a number and then by a hash of the trace id, which is the same in every frame: so a cursor (the
last row's number and hash) stays right while rows arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from tracewright.api.traces.facets import FacetCodes, JointCodes, build_codes, join_codes
from tracewright.api.traces.standings import REVIEW_NAMES, Standings
from tracewright.pipeline.filter import COLUMNS, ColumnKind, Filter
from tracewright.pipeline.store.table import StoredFile

SORT_COLUMNS = tuple(name for name, column in COLUMNS.items() if column.kind is not ColumnKind.TEXT)
"""Numbers, moments, and true or false."""
_MAX_CHUNKS = 24
"""Appending makes chunks; more of them than this slow every filter down."""
_MAX_JOINED = 8
"""Choices of facets whose joint codes are kept: 2 MB and more of each million rows."""
_ID_SEED = 7
_SAMPLE = 4_096
"""Values from which is guessed where a page ends."""


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

    scalars: pl.DataFrame
    """Every column but those of reviews."""
    files: tuple[StoredFile, ...]
    starts: np.ndarray
    """The row at which each file begins, and at the end the number of rows."""
    ids: dict[str, int]
    """From id to row; may know rows that were appended later."""
    ties: np.ndarray
    standings: Standings
    is_whole: bool = False
    """Whether all that the store held when the service started is there."""
    _numbers: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    _codes: dict[str, FacetCodes] = field(default_factory=dict[str, FacetCodes])
    _joint: dict[tuple[str, ...], tuple[JointCodes, ...]] = field(
        default_factory=dict[tuple[str, ...], tuple[JointCodes, ...]]
    )
    _ends: dict[str, tuple[float, float] | None] = field(default_factory=dict[str, tuple[float, float] | None])

    @property
    def rows(self) -> pl.DataFrame:
        """Every column of every row."""
        return self.standings.join(self.scalars)

    @property
    def height(self) -> int:
        """How many traces there are."""
        return self.scalars.height

    @property
    def decided(self) -> np.ndarray:
        """For each row the place of its standing decision in `DECISIONS`."""
        return self.standings.decided

    @property
    def review_count(self) -> np.ndarray:
        """For each row how many reviewers have decided."""
        return self.standings.counts

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
        found = np.ones(self.height, np.bool_)
        if among is not None:
            found[:] = False
            found[[row for row in map(self.row_of, among) if row is not None]] = True
        if where is not None:
            expression = where.to_polars()
            of_reviews = not REVIEW_NAMES.isdisjoint(expression.meta.root_names())
            rows = self.rows if of_reviews else self.scalars
            matching = rows.select(expression).to_series().to_numpy()
            found = matching if among is None else found & matching
        return np.flatnonzero(found)

    def page(self, chosen: np.ndarray | None, order: Order, after: Place | None, limit: int) -> Page:
        """The first rows of the chosen ones beyond a place."""
        values = self.numbers(order.column)
        values = values if chosen is None else values.take(chosen)
        first = self._first(chosen, values, order, after, limit + 1)
        shown, end = first[:limit], None
        if len(first) > limit:
            key = float(_to_keys(self.numbers(order.column)[shown[-1:]], order)[0])
            end = Place(None if np.isinf(key) else key, int(self.ties[shown[-1]]))
        return Page(shown, len(values), end)

    def facets(self, columns: tuple[str, ...], chosen: np.ndarray | None) -> list[dict[str, Any]]:
        """For each column its counts among the chosen rows."""
        found = {facet["column"]: facet for facet in self.standings.facets(columns, chosen)}
        for joint in self._join([column for column in columns if column not in REVIEW_NAMES]):
            found |= {facet["column"]: facet for facet in joint.count(chosen)}
        return [found[column] for column in columns]

    def read(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """The rows' columns."""
        some = self.standings.take(rows).join(self.scalars[rows.astype(np.uint32)])
        return some.select(list(COLUMNS)).to_dicts()

    def numbers(self, column: str) -> np.ndarray:
        """A column as floats; NaN where a value is missing."""
        if column in REVIEW_NAMES:
            return self.standings.numbers(column)
        if column not in self._numbers:
            self._numbers[column] = _to_numbers(self.scalars[column])
        return self._numbers[column]

    def ends(self, column: str) -> tuple[float, float] | None:
        """The least and the largest number of a column that is not of reviews; None where no trace has one."""
        if column not in self._ends:
            low, high = self.scalars[column].min(), self.scalars[column].max()
            numbers = [float(end) for end in (low, high) if isinstance(end, int | float)]
            self._ends[column] = (numbers[0], numbers[1]) if len(numbers) == 2 else None
        return self._ends[column]

    def with_reviews(self, standings: Standings) -> Frame:
        """The same traces with other review summaries."""
        return replace(self, standings=standings)

    def cover(self) -> Frame:
        """Without what was said of traces that a queue still wants blind judgements of."""
        return self.with_reviews(self.standings.cover())

    def append(self, files: tuple[StoredFile, ...], frames: list[pl.DataFrame]) -> Frame:
        """With the rows of further shards at the end."""
        new = pl.concat(frames)
        scalars = pl.concat([self.scalars, new.select(self.scalars.columns)])
        if scalars.n_chunks() > _MAX_CHUNKS:
            scalars = scalars.rechunk()
        self.ids.update(zip(new["trace_id"].to_list(), range(self.height, scalars.height), strict=True))
        return Frame(
            scalars,
            (*self.files, *files),
            np.concatenate([self.starts, self.height + np.cumsum([frame.height for frame in frames])]),
            self.ids,
            np.concatenate([self.ties, _hash_ids(new)]),
            self.standings.extend(new.height),
            self.is_whole,
            {name: np.concatenate([old, _to_numbers(new[name])]) for name, old in self._numbers.items()},
            {name: codes for name, old in self._codes.items() if (codes := old.extend(new[name])) is not None},
        )

    def _join(self, columns: Sequence[str]) -> tuple[JointCodes, ...]:
        """Their joint codes, kept for the choices of columns that were asked for last."""
        key = tuple(sorted(columns))
        joined = self._joint.pop(key, None) or join_codes([self._codes_of(column) for column in key])
        self._joint[key] = joined
        for old in list(self._joint)[:-_MAX_JOINED]:
            self._joint.pop(old, None)
        return joined

    def _codes_of(self, column: str) -> FacetCodes:
        if column not in self._codes:
            self._codes[column] = build_codes(column, self.scalars[column])
        return self._codes[column]

    def _first(
        self, chosen: np.ndarray | None, values: np.ndarray, order: Order, after: Place | None, count: int
    ) -> np.ndarray:
        """The first rows in order; `values` are those of the chosen rows."""
        for places in (_narrow(values, order, after, count), None):
            if places is None:
                rows = np.arange(self.height) if chosen is None else chosen
                keys = _to_keys(values, order)
            else:
                rows = places if chosen is None else chosen[places]
                keys = _to_keys(values[places], order)
            if after is not None:
                rows, keys = self._skip(rows, keys, after)
            if places is None or len(rows) >= count:
                return self._sort(rows, keys, count)
        raise AssertionError("the second round takes every row")

    def _skip(self, rows: np.ndarray, keys: np.ndarray, after: Place) -> tuple[np.ndarray, np.ndarray]:
        key = np.inf if after.key is None else after.key
        beyond = keys > key
        level = np.flatnonzero(keys == key)
        beyond[level[self.ties[rows[level]] > np.uint64(after.tie)]] = True
        return rows[beyond], keys[beyond]

    def _sort(self, rows: np.ndarray, keys: np.ndarray, count: int) -> np.ndarray:
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
    schema = {name: column.dtype for name, column in COLUMNS.items() if name not in REVIEW_NAMES}
    none = np.array([], np.uint64)
    return Frame(pl.DataFrame(schema=schema), (), np.array([0]), {}, none, Standings.of_none(0))


def _narrow(values: np.ndarray, order: Order, after: Place | None, count: int) -> np.ndarray | None:
    """The places of some values among which the first so many beyond a place should be; None where all may be.

    A sample says where the page will end, so that one comparison replaces the search through all values.
    """
    if len(values) < _SAMPLE * 4 or (after is not None and after.key is None):
        return None
    sample = _to_keys(values[:: len(values) // _SAMPLE], order)
    start = -np.inf if after is None or after.key is None else after.key
    sample = sample[(sample >= start) & (sample < np.inf)]
    wanted = 4 + 2 * count * _SAMPLE // len(values)
    if len(sample) <= wanted:
        return None
    end = np.partition(sample, wanted)[wanted]
    early = values >= -end if order.descending else values <= end
    if after is not None:
        early &= values <= -start if order.descending else values >= start
    return np.flatnonzero(early)


def _to_keys(values: np.ndarray, order: Order) -> np.ndarray:
    """Ascending in the list's order; infinite where a value is missing."""
    return np.where(np.isnan(values), np.inf, -values if order.descending else values)


def _hash_ids(rows: pl.DataFrame) -> np.ndarray:
    return rows["trace_id"].hash(_ID_SEED).to_numpy()


def _to_numbers(values: pl.Series) -> np.ndarray:
    if values.dtype == pl.Datetime:
        values = values.dt.epoch("us")
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
