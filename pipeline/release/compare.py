"""What differs between two releases, row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tracewright.pipeline.release.reader import Release, open_release

_KEY = "trace_id"
_SPLIT = "split"


@dataclass(frozen=True)
class ReleaseDiff:
    """Traces by what became of them from the first release to the second; ids sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[str, ...]]
    """Trace id → the columns that differ; `split` where the trace moved."""

    def changed_columns(self) -> dict[str, int]:
        """In how many rows each column differs, the most frequent first."""
        return dict(Counter(column for columns in self.changed.values() for column in columns).most_common())

    @property
    def is_empty(self) -> bool:
        """Whether both hold the same rows."""
        return not (self.added or self.removed or self.changed)


def diff_releases(before: Path, after: Path) -> ReleaseDiff:
    """Compare the rows of two releases, withdrawn or not, by trace id. Holds both in memory.

    A column that one of them lacks counts as different in every row.

    Raises:
        MissingInputError: one of them is not there.
        IntegrityError: one of them is damaged.
    """
    old, new = (_load(open_release(directory, allow_yanked=True)) for directory in (before, after))
    both = old.join(new, on=_KEY, suffix=" after").sort(_KEY)
    names = [name for name in old.columns if name in new.columns and name != _KEY]
    differs = both.select(_KEY, *(pl.col(name).ne_missing(pl.col(f"{name} after")).alias(name) for name in names))
    differs = differs.with_columns(pl.lit(value=True).alias(name) for name in set(old.columns) ^ set(new.columns))
    changed = {row.pop(_KEY): tuple(sorted(name for name in row if row[name])) for row in differs.iter_rows(named=True)}
    return ReleaseDiff(
        added=_ids(new.join(old, on=_KEY, how="anti")),
        removed=_ids(old.join(new, on=_KEY, how="anti")),
        changed={trace_id: columns for trace_id, columns in changed.items() if columns},
    )


def _load(release: Release) -> pl.DataFrame:
    parts = [_to_frame(release, split) for split in release.splits]
    return pl.concat(parts)


def _to_frame(release: Release, split: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(release.table(split))).with_columns(pl.lit(split).alias(_SPLIT))


def _ids(frame: pl.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(frame[_KEY].to_list()))
