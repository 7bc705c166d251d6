"""Whole traces out of Parquet: one row out of one row group, and many in the store's order."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.api.traces.frame import Frame
from tracewright.pipeline.store.objects import open_parquet
from tracewright.pipeline.store.table import StoredFile
from tracewright.schemas.arrow_rows import read_rows
from tracewright.schemas.errors import StoreError
from tracewright.schemas.trace import Trace

MAX_FOOTERS = 512
"""Parsed footers that are kept: reading one takes as long as reading a row."""
TOKEN_COLUMNS = ("token_ids", "token_logprobs", "token_ends")
_BODY_COLUMNS = [name for name in Trace.model_fields if name not in TOKEN_COLUMNS]


class BodyReader:
    """Reads traces; for many threads at once."""

    def __init__(self) -> None:
        self._footers: OrderedDict[Path, pq.FileMetaData] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, frame: Frame, row: int, *, tokens: bool = False) -> dict[str, Any]:
        """One trace as plain data; its tokens only where asked for.

        Raises:
            StoreError: the shard can't be read.
        """
        file, place = frame.locate(row)
        try:
            with open_parquet(file.path, self._footer(file.path)) as shard:
                group, start = _find_group(shard.metadata, place)
                columns = list(Trace.model_fields) if tokens else _BODY_COLUMNS
                table = shard.read_row_group(group, columns=columns, use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(f"the shard {file.path.name} can't be read: {error}: restore it from a copy") from error
        (trace,) = read_rows(table.slice(place - start, 1))
        return trace

    def read_columns(self, frame: Frame, row: int, columns: Sequence[str]) -> dict[str, Any]:
        """Some columns of one trace, named as Parquet does: a tenth of the time that the whole takes.

        Raises:
            StoreError: the shard can't be read.
        """
        file, place = frame.locate(row)
        try:
            with open_parquet(file.path, self._footer(file.path)) as shard:
                group, start = _find_group(shard.metadata, place)
                table = shard.read_row_group(group, columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(f"the shard {file.path.name} can't be read: {error}: restore it from a copy") from error
        return table.slice(place - start, 1).to_pylist()[0]

    def iter_traces(self, frame: Frame, rows: np.ndarray) -> Iterator[dict[str, Any]]:
        """The traces of these rows (ascending), without tokens: one row group in memory at a time."""
        for file, places in _by_file(frame, rows):
            with open_parquet(file.path, self._footer(file.path)) as shard:
                start = 0
                for group in range(shard.num_row_groups):
                    end = start + shard.metadata.row_group(group).num_rows
                    some = places[(places >= start) & (places < end)] - start
                    if len(some):
                        table = shard.read_row_group(group, columns=_BODY_COLUMNS, use_threads=False)
                        yield from read_rows(table.take(pa.array(some)))
                    start = end

    def _footer(self, path: Path) -> pq.FileMetaData:
        with self._lock:
            if path in self._footers:
                self._footers.move_to_end(path)
                return self._footers[path]
        footer = open_parquet(path).metadata
        with self._lock:
            self._footers[path] = footer
            if len(self._footers) > MAX_FOOTERS:
                self._footers.popitem(last=False)
        return footer


def _find_group(footer: pq.FileMetaData, place: int) -> tuple[int, int]:
    """The row group that holds a row of the file, and the row that it begins with."""
    start = 0
    for group in range(footer.num_row_groups):
        rows = footer.row_group(group).num_rows
        if place < start + rows:
            return group, start
        start += rows
    raise StoreError(f"row {place} of a shard with {start} rows: the store was changed by something else")


def _by_file(frame: Frame, rows: np.ndarray) -> Iterator[tuple[StoredFile, np.ndarray]]:
    for number, file in enumerate(frame.files):
        first, end = frame.starts[number], frame.starts[number + 1]
        low, high = np.searchsorted(rows, [first, end])
        if low < high:
            yield file, rows[low:high] - first
