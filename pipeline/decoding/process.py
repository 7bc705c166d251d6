"""Decodes one Parquet file in a process of its own, whose memory is limited: `python -m … FILE COLUMNS`.

A file of 700 bytes can hold a row of 4 GB (a dictionary's entry, repeated), and no footer says so. What can't be
decoded within the limit ends this process and nothing else.

Each message on stdout is a kind (one byte), a length (eight) and that many bytes: `B`, rows as an Arrow stream; `L`,
which rows can't be read, and why, as JSON; `E`, why the file is refused; `Z`, the end, without which it was ended.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.decoding.limits import EXPANSION_FREE_BYTES, RefusedError, choose_columns
from tracewright.pipeline.decoding.plain import count_values, to_plain

HEADER = struct.Struct("<cQ")
MEMORY_MIB = 320
"""Beyond what the process takes to start, some 80 MiB."""
MAX_BATCH_BYTES = 32 * 2**20
MAX_ROW_BYTES = 64 * 2**20
"""A problem with some pictures has a few; a line of JSONL may have 16 MiB."""
MAX_VALUES = 2_000_000
"""In one row or batch: a list of nulls takes no bytes, and eight for each as Python has it."""
_BATCH_ROWS = 64


def limit_memory(mib: int) -> None:
    """Let this process have no more than so much data beyond what it has now; the kernel counts it at each request."""
    status = Path("/proc/self/status").read_text()
    used = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    limit = used + mib * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def decode(path: Path, columns: list[str] | None) -> None:
    """Send every row of these columns, or of all, in the file's order."""
    # Extension types are not made: what a file says of its columns' types decides nothing here.
    with pq.ParquetFile(
        path, pre_buffer=False, buffer_size=EXPANSION_FREE_BYTES // 64, arrow_extensions_enabled=False
    ) as file:
        names = choose_columns(path, file, columns)
        first = 1
        for group in range(file.num_row_groups):
            _decode_group(file, group, names, first)
            first += file.metadata.row_group(group).num_rows
    send(b"Z", b"")


def send(kind: bytes, body: bytes | memoryview) -> None:
    """One message."""
    sys.stdout.buffer.write(HEADER.pack(kind, len(body)))
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def _decode_group(file: pq.ParquetFile, group: int, names: list[str], first: int) -> None:
    number, last = first, first + file.metadata.row_group(group).num_rows - 1
    batches = file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=names, use_threads=False)
    while number <= last:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except (pa.ArrowMemoryError, MemoryError):
            raise
        except (pa.ArrowException, OSError) as error:
            lost = {"first": number, "last": last, "why": " ".join(str(error).split())[:200]}
            send(b"L", json.dumps(lost).encode())
            return
        _send_rows(to_plain(batch), number)
        number += batch.num_rows


def _send_rows(batch: pa.RecordBatch, number: int) -> None:
    """All at once, or where that is too much one by one, without those that are too large by themselves."""
    if _is_small(batch, MAX_BATCH_BYTES):
        return send(b"B", _to_stream(batch))
    for index in range(batch.num_rows):
        row, place = batch.slice(index, 1), number + index
        if _is_small(row, MAX_ROW_BYTES):
            send(b"B", _to_stream(row))
        else:
            why = f"{row.nbytes} bytes in {count_values(row)} values, expected at most {MAX_ROW_BYTES} in {MAX_VALUES}"
            send(b"L", json.dumps({"first": place, "last": place, "why": why}).encode())


def _is_small(rows: pa.RecordBatch, max_bytes: int) -> bool:
    return rows.nbytes <= max_bytes and count_values(rows) <= MAX_VALUES


def _to_stream(rows: pa.RecordBatch) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    return memoryview(sink.getvalue())


def main() -> None:
    """Decode what the arguments name."""
    path, columns = Path(sys.argv[1]), json.loads(sys.argv[2])
    limit_memory(MEMORY_MIB)
    try:
        decode(path, columns)
    except RefusedError as error:
        send(b"E", str(error).encode())
    except (pa.ArrowMemoryError, MemoryError):
        return  # The missing end says it.
    except (pa.ArrowException, OSError, ValueError) as error:
        send(b"E", f"{path} is not a Parquet file that can be read: {' '.join(str(error).split())[:200]}".encode())


if __name__ == "__main__":
    main()
