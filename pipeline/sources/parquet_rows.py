"""Parquet, a small batch at a time, for files nobody has checked: decoded in a process whose memory is limited."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from tracewright.pipeline.decoding import footer
from tracewright.pipeline.decoding.limits import RefusedError, check_footer_size
from tracewright.pipeline.decoding.process import HEADER, MEMORY_MIB
from tracewright.pipeline.sources.rows import Place, Row, reject_row
from tracewright.schemas import InputError, Rejection

BATCH_TIMEOUT_SECONDS = 60.0
"""For 64 rows, which take milliseconds: time enough on a machine with much else to do."""
_ONE_THREAD = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Arrow's own pools set memory aside that the limit would count."""
_READ_BYTES = 2**20


def read_parquet(path: Path, columns: Collection[str] | None = None) -> Iterator[Row | Rejection]:
    """Every row in order, with these columns (as far as the file has them) or all.

    Rows that can't be decoded are rejections; where a page is damaged, the rest of its row group is one of them.

    Raises:
        InputError: the file is not Parquet, has none of the columns, or is made to exhaust memory; rows before those
            that do were given out.
    """
    with _refusals():
        check_footer_size(path)
    number = 0
    with _decoder(path, columns) as messages:
        while (message := _receive(messages, path, number))[0] != b"Z":
            kind, body = message
            if kind == b"E":
                raise InputError(body.decode())
            if kind == b"L":
                lost = json.loads(body)
                number = lost["last"]
                yield _lose_rows(path, lost)
                continue
            batch = pa.ipc.open_stream(body).read_next_batch()
            for index in range(batch.num_rows):
                number += 1
                yield _read_row(Place(path, number), batch.slice(index, 1))


def count_rows(path: Path) -> int:
    """How many rows the file's footer states.

    Raises:
        InputError: the file is not Parquet.
    """
    with _refusals():
        return footer.count_rows(path)


@contextmanager
def _refusals() -> Generator[None]:
    try:
        yield
    except RefusedError as error:
        raise InputError(str(error)) from error


@contextmanager
def _decoder(path: Path, columns: Collection[str] | None) -> Generator[BinaryIO]:
    """What the decoding process says; it ends with the block, however that ends."""
    names = json.dumps(None if columns is None else list(columns))
    command = [sys.executable, "-m", "tracewright.pipeline.decoding.process", os.fspath(path.absolute()), names]
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as messages:  # noqa: PTH123  (a descriptor, not a path)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.DEVNULL,
                env=os.environ | _ONE_THREAD,
            )
        finally:
            os.close(writing)
        try:
            yield messages
        finally:
            process.kill()
            process.wait()


def _receive(messages: BinaryIO, path: Path, number: int) -> tuple[bytes, bytes]:
    deadline = time.monotonic() + BATCH_TIMEOUT_SECONDS
    head = _read(messages, HEADER.size, deadline)
    if len(head) == HEADER.size:
        kind, size = HEADER.unpack(head)
        body = _read(messages, size, deadline)
        if len(body) == size:
            return kind, body
    raise InputError(
        f"{path}: the rows from {number + 1} on can't be decoded within {MEMORY_MIB} MiB and "
        f"{BATCH_TIMEOUT_SECONDS:.0f} s: the file is made to exhaust memory, damaged, or has rows that are far too "
        "large; write it again with smaller rows and row groups"
    )


def _read(messages: BinaryIO, size: int, deadline: float) -> bytes:
    """So many bytes; fewer where the process ended or the time is up."""
    parts: list[bytes] = []
    while size and select.select([messages], [], [], max(deadline - time.monotonic(), 0))[0]:
        if not (part := messages.read(min(size, _READ_BYTES))):
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _lose_rows(path: Path, lost: dict[str, Any]) -> Rejection:
    first, last = lost["first"], lost["last"]
    reason = f"rows {first} to {last} can't be read: {lost['why']}"
    return reject_row(Place(path, first), reason, "", numbers={"rows": last - first + 1})


def _read_row(place: Place, row: pa.RecordBatch) -> Row | Rejection:
    try:
        (values,) = row.to_pylist(maps_as_pydicts="strict")
    except (ValueError, KeyError, OverflowError, pa.ArrowException) as error:
        return reject_row(place, f"the row can't be decoded: {_one_line(error)}", "")
    return Row(place, _plain(values))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Without the columns that are null: to a reader of rows they are not there."""
    return {name: value for name, value in values.items() if value is not None}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
