"""What scoring processes send: the size of a JSON text and of an Arrow stream, then both."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_HEADER = struct.Struct("<II")


def send_message(out: BinaryIO, found: dict[str, Any], data: bytes) -> None:
    """Write one message to an unbuffered pipe."""
    head = json.dumps(found).encode()
    message = memoryview(_HEADER.pack(len(head), len(data)) + head + data)
    while len(message):
        message = message[out.write(message) :]


def read_message(source: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message; None where the pipe has ended, in the middle of one too."""
    sizes = source.read(_HEADER.size)
    if len(sizes) < _HEADER.size:
        return None
    head_size, data_size = _HEADER.unpack(sizes)
    head, data = source.read(head_size), source.read(data_size)
    return (json.loads(head), data) if len(head) == head_size and len(data) == data_size else None
