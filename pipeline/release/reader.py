"""The one reader of published data."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.decoding.footer import open_by_parquet_types, read_footer
from tracewright.pipeline.decoding.limits import RefusedError
from tracewright.pipeline.release.layout import DATA, LOGPROBS
from tracewright.pipeline.release.manifest import read_manifest, read_tombstone
from tracewright.pipeline.release.order import RowGroup, plan_windows
from tracewright.pipeline.release.stream import Reading, RowStream, StreamState
from tracewright.pipeline.release.verify import UNREADABLE, check_room, find_damage, find_misplaced, raise_faults
from tracewright.schemas.errors import (
    InputError,
    MissingInputError,
    ReleaseYankedError,
    TracewrightError,
    in_one_line,
)
from tracewright.schemas.release import ReleaseFile, ReleaseManifest, ReleaseRow

if TYPE_CHECKING:
    import polars as pl

_ROWS_AT_ONCE = 256
_BYTES_AT_ONCE = 2**24
"""Rows that are Python objects at the same time; a text may take four times its bytes."""


def open_release(directory: Path, *, allow_yanked: bool = False) -> Release:
    """Open a release for reading.

    The manifest, the list of files and their sizes are checked at once, a file's hash before the first row of it is
    given out.

    Raises:
        MissingInputError: there is no complete release.
        ReleaseYankedError: it was withdrawn, and `allow_yanked` is not set.
        IntegrityError: it is not what its manifest says.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    tombstone = read_tombstone(directory)
    if tombstone is not None and not allow_yanked:
        raise ReleaseYankedError(
            f"{manifest.name}@{manifest.version} was withdrawn on {tombstone.yanked_at:%Y-%m-%d}: {tombstone.reason}: "
            "use another version, or allow yanked releases on purpose"
        )
    raise_faults(directory, list(find_misplaced(directory, manifest)))
    return Release(directory, manifest)


class Release:
    """A release's rows. Get one from `open_release`; not for two threads."""

    def __init__(self, directory: Path, manifest: ReleaseManifest) -> None:
        self.directory = directory
        self.manifest = manifest
        self._sound: set[str] = set()
        self._excess_bytes = 0
        """That the files read so far take beyond the proportion to their sizes."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have rows."""
        return tuple(self.manifest.splits)

    def files(self, split: str) -> list[Path]:
        """The split's Parquet files in order, hashes checked: for readers of their own, `polars.scan_parquet` for one.

        Raises:
            MissingInputError: there is no such split.
            IntegrityError: a file is damaged.
        """
        return [self._check(file) for file in self._files(DATA, split)]

    def table(self, split: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of the split in the stored order.

        Raises:
            InputError: a column is not there.
            MissingInputError: there is no such split.
            IntegrityError: a file is damaged.
        """
        names = check_columns(columns)
        with self._reading():
            return pa.concat_tables([pq.read_table(path, columns=names, memory_map=True) for path in self.files(split)])

    def frame(self, split: str, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The same rows as a polars frame: numbers are those of the Arrow table, not copied."""
        import polars

        return polars.DataFrame(polars.from_arrow(self.table(split, columns=columns)))

    def stream(
        self,
        split: str,
        *,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        worker: int = 0,
        workers: int = 1,
        columns: Sequence[str] | None = None,
    ) -> RowStream:
        """What `iter_rows` gives, for one data-loading worker of one rank, with a state that can be saved.

        The rows are those that `iter_rows` gives reader `rank * workers + worker` of `world_size * workers`.

        Raises:
            InputError: rank, worker or seed is out of range, or a column is not there.
            MissingInputError: there is no such split.
        """
        place = {"rank": rank, "world_size": world_size, "worker": worker, "workers": workers}
        try:
            reading = Reading(release=self.manifest.digest, split=split, seed=seed, **place)
        except ValueError as error:
            raise InputError(f"these readers can't share rows: {in_one_line(error)}") from error
        return self._open_stream(reading, 0, columns)

    def resume(self, state: StreamState, *, columns: Sequence[str] | None = None) -> RowStream:
        """A stream that goes on where one was when its state was taken, to the row.

        Raises:
            InputError: the state is of another release, or a column is not there.
            MissingInputError: there is no such split.
        """
        if state.reading.release != self.manifest.digest:
            raise InputError(
                f"the state is of the release with digest {state.reading.release}, this is {self.manifest.name}@"
                f"{self.manifest.version} with {self.manifest.digest}: open the release that was being read"
            )
        return self._open_stream(state.reading, state.given, columns)

    def _open_stream(self, reading: Reading, given: int, columns: Sequence[str] | None) -> RowStream:
        check_columns(columns)

        def read(reading: Reading, given: int) -> Iterator[dict[str, Any]]:
            return self.iter_rows(
                reading.split,
                seed=reading.seed,
                rank=reading.place,
                world_size=reading.readers,
                skip=given,
                columns=columns,
            )

        return RowStream(reading, given, read)

    def iter_batches(
        self,
        split: str,
        *,
        rows: int = 256,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        skip: int = 0,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.Table]:
        """What `iter_rows` gives, as Arrow tables of up to that many rows: no Python object for each row.

        Raises:
            InputError: rank, world size, skip, seed or rows is out of range, or a column is not there.
            MissingInputError: there is no such split.
            IntegrityError: a file is damaged.
        """
        if rows < 1:
            raise InputError(f"batches of {rows} rows can't be read: a batch has 1 row or more")
        check_readers(seed, rank, world_size, skip)
        check_columns(columns)
        files = self._files(DATA, split)
        windows = self._iter_windows(files, seed=seed, rank=rank, world_size=world_size, skip=skip, columns=columns)
        return self._iter_parts(windows, rows)

    def iter_rows(
        self,
        split: str,
        *,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        skip: int = 0,
        columns: Sequence[str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The split's rows one by one, with memory for some thousand of them.

        Args:
            split: `train` or `test`.
            seed: shuffles the rows; None keeps the stored order. Another seed for each epoch gives another order.
            rank: which of the parallel readers this is, from 0.
            world_size: how many there are; each row goes to exactly one, and their counts differ by at most one.
            skip: how many rows this reader has had already. The rest is what it would have given after them.
            columns: the columns to decode; None decodes all.

        Raises:
            InputError: rank, world size, skip or seed is out of range, or a column is not there.
            MissingInputError: there is no such split.
            IntegrityError: a file is damaged.
        """
        batches = self.iter_batches(
            split, rows=_ROWS_AT_ONCE, seed=seed, rank=rank, world_size=world_size, skip=skip, columns=columns
        )
        return self._iter_objects(batches)

    def logprobs(self, split: str) -> pa.Table:
        """The teacher's logprobs of the split, row by row as in `table`.

        Raises:
            MissingInputError: the release carries none.
        """
        if not any(file.path.startswith(f"{LOGPROBS}/") for file in self.manifest.files):
            raise MissingInputError(
                f"{self.manifest.name}@{self.manifest.version} carries no teacher logprobs: train on the text, or make "
                "a release of traces that were generated with `logprobs` above 0"
            )
        with self._reading():
            return pa.concat_tables(
                [open_by_parquet_types(self._check(file)).read() for file in self._files(LOGPROBS, split)]
            )

    def _iter_windows(
        self,
        files: list[ReleaseFile],
        *,
        seed: int | None,
        rank: int,
        world_size: int,
        skip: int,
        columns: Sequence[str] | None,
    ) -> Iterator[tuple[pa.Table, np.ndarray]]:
        """Rows that are in memory together, and the order in which this reader gets his of them."""
        readers = _Readers([self.directory / file.path for file in files])
        groups = [group for index, file in enumerate(files) for group in self._row_groups(index, file)]
        for window in plan_windows(groups, seed=seed, rank=rank, world_size=world_size, skip=skip):
            for index in {group.file for group in window.groups}:
                self._check(files[index])
            with self._reading():
                table = readers.read(window.groups, columns)
            yield table, window.order

    def _iter_parts(self, windows: Iterator[tuple[pa.Table, np.ndarray]], rows: int) -> Iterator[pa.Table]:
        for table, order in windows:
            for start in range(0, len(order), rows):
                with self._reading():
                    part = table.take(_to_arrow(order[start : start + rows]))
                yield part

    def _iter_objects(self, batches: Iterator[pa.Table]) -> Iterator[dict[str, Any]]:
        for batch in batches:
            count = max(1, batch.num_rows * _BYTES_AT_ONCE // max(batch.nbytes, 1))
            for start in range(0, batch.num_rows, count):
                with self._reading():
                    rows = batch.slice(start, count).to_pylist()
                yield from rows

    def _row_groups(self, index: int, file: ReleaseFile) -> list[RowGroup]:
        """The file's row groups from its footer. Reading all footers is cheap, hashing all files before the first row
        is not; a footer that does not fit the manifest is damage, and then the hash says so."""
        try:
            footer = read_footer(self.directory / file.path)
        except (OSError, RefusedError):
            footer = None
        if footer is None or footer.rows != file.rows:
            self._check(file)
            raise_faults(self.directory, [f"{file.path}: its footer does not fit the manifest"])
            return []
        return [RowGroup(index, number, group.rows) for number, group in enumerate(footer.groups)]

    def _files(self, folder: str, split: str) -> list[ReleaseFile]:
        files = [file for file in self.manifest.files if file.path.startswith(f"{folder}/{split}-")]
        if not files:
            raise MissingInputError(
                f"{self.manifest.name}@{self.manifest.version} has no {folder} for split {split!r}: it has "
                f"{', '.join(self.splits)}"
            )
        return files

    def _check(self, file: ReleaseFile) -> Path:
        if file.path not in self._sound:
            found = find_damage(self.directory, file)
            if isinstance(found, str):
                raise_faults(self.directory, [found])
            else:
                self._excess_bytes += found
                check_room(self.directory, self._excess_bytes)
            self._sound.add(file.path)
        return self.directory / file.path

    @contextmanager
    def _reading(self) -> Generator[None]:
        """Bytes that are the manifest's may still be no Parquet that can be read, and then the release is to blame."""
        try:
            yield
        except TracewrightError:
            raise
        except UNREADABLE as error:
            raise_faults(self.directory, [f"its rows can't be read ({in_one_line(error)})"])


def _to_arrow(places: np.ndarray) -> pa.Array:
    """Without a copy, and without `pa.array`, which imports pandas to see whether it is given a series."""
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(np.ascontiguousarray(places, np.int64))])


def check_columns(columns: Sequence[str] | None) -> list[str] | None:
    """The columns as a list. One that is not there is refused: Parquet's reader leaves it out, and with it every row.

    Raises:
        InputError: a column is not one of a release's, or none is asked for.
    """
    if columns is None:
        return None
    known = list(ReleaseRow.model_fields)
    unknown = [name for name in columns if name not in known]
    if unknown or not columns:
        asked = ", ".join(map(repr, unknown)) or "none"
        raise InputError(f"columns {asked} can't be read: a release has {', '.join(known)}")
    return list(columns)


def check_readers(seed: int | None, rank: int, world_size: int, skip: int) -> None:
    """Refuse what is out of range."""
    if not 0 <= rank < world_size or skip < 0 or (seed is not None and seed < 0):
        raise InputError(
            f"rank {rank} of {world_size}, {skip} rows to skip, seed {seed}: a rank lies between 0 and the world "
            "size, and neither the rows to skip nor the seed are below 0"
        )


class _Readers:
    """The files of a split, opened when they are first needed."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._open: dict[int, pq.ParquetFile] = {}

    def read(self, groups: Sequence[RowGroup], columns: Sequence[str] | None) -> pa.Table:
        """The rows of the groups, in the order of the groups."""
        names = list(columns) if columns is not None else None
        return pa.concat_tables([self._file(group.file).read_row_group(group.group, columns=names) for group in groups])

    def _file(self, index: int) -> pq.ParquetFile:
        if index not in self._open:
            self._open[index] = pq.ParquetFile(self._paths[index], memory_map=True)
        return self._open[index]
