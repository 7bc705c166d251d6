"""A release's Parquet files: fixed settings, limited size, one name for each place in the order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.release.layout import DATA, file_path, hash_file, sync
from tracewright.schemas.release import ReleaseFile

ROW_GROUP_ROWS = 500
"""What a reader that resumes in the middle decodes at most before its first row."""
_COMPRESSION_LEVEL = 3
REPETITIVE: Any = [
    *("messages.list.element.role", "steps.list.element.check", "outcome", "answer_kind", "method", "source"),
    *("domain", "license", "model", "fingerprint"),
]
"""Columns with few different values. A dictionary of texts would be built, found too large and thrown away."""


@dataclass(frozen=True)
class FileLimits:
    """How large a file may become: a row group that would pass either limit begins the next file."""

    rows: int = 100_000
    size_bytes: int = 512 * 1024 * 1024
    """Of the rows in memory; compressed they are a fraction of it."""


class SplitWriter:
    """Writes one split's rows, in the order in which they come, into files of limited size."""

    def __init__(self, directory: Path, split: str, schema: pa.Schema, limits: FileLimits) -> None:
        self._directory = directory
        self._split = split
        self._schema = schema
        self._limits = limits
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[int] = []
        self._size_bytes = 0

    def write(self, table: pa.Table) -> None:
        """Append the rows."""
        for group in _row_groups(table, min(ROW_GROUP_ROWS, self._limits.rows)):
            writer = self._file_for(group)
            writer.write_table(group, row_group_size=group.num_rows)
            self._rows[-1] += group.num_rows
            self._size_bytes += group.nbytes

    def finish(self) -> list[ReleaseFile]:
        """Close the last file, give every file its name and make all of them durable.

        Returns:
            The files in order, with paths relative to the release; none where no row came.
        """
        self.close()
        return [self._finish_file(index, rows) for index, rows in enumerate(self._rows)]

    def close(self) -> None:
        """Let go of the file that is open, complete or not."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _file_for(self, group: pa.Table) -> pq.ParquetWriter:
        if self._writer is not None and self._has_room(group):
            return self._writer
        return self._begin_file()

    def _has_room(self, group: pa.Table) -> bool:
        fits = self._size_bytes + group.nbytes <= self._limits.size_bytes
        return fits and self._rows[-1] + group.num_rows <= self._limits.rows

    def _begin_file(self) -> pq.ParquetWriter:
        self.close()
        self._writer = pq.ParquetWriter(
            self._aside(len(self._rows)),
            self._schema,
            compression="zstd",
            compression_level=_COMPRESSION_LEVEL,
            use_dictionary=REPETITIVE,
            version="2.6",
        )
        self._rows.append(0)
        self._size_bytes = 0
        return self._writer

    def _finish_file(self, index: int, rows: int) -> ReleaseFile:
        relative = file_path(DATA, self._split, index, len(self._rows))
        path = self._directory / relative
        self._aside(index).rename(path)
        sync(path)
        return ReleaseFile(path=relative, rows=rows, bytes=path.stat().st_size, sha256=hash_file(path))

    def _aside(self, index: int) -> Path:
        return self._directory / DATA / f"{self._split}.{index}"


def _row_groups(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)
