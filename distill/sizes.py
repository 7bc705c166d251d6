"""How large a checkpoint is, read from the headers of its safetensors files."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

from tracewright.schemas import IntegrityError, MissingInputError

_SCALE_SUFFIX = "_scale"
_HEADER_LIMIT_BYTES = 100 * 2**20
"""The format's own."""


@dataclass(frozen=True)
class TensorSizes:
    """What the tensors of a checkpoint take."""

    shapes: dict[str, tuple[int, ...]]
    bytes: int
    """Of all tensors as they are stored, without the files' headers."""

    @property
    def parameters(self) -> int:
        """Numbers of all tensors but the scales of quantized ones; what two layers share counts once."""
        return sum(math.prod(shape) for name, shape in self.shapes.items() if not name.endswith(_SCALE_SUFFIX))


def measure_tensors(checkpoint: Path) -> TensorSizes:
    """The sizes of a checkpoint's tensors; no tensor is read.

    Raises:
        MissingInputError: the folder holds no safetensors file.
        IntegrityError: one of them is damaged.
    """
    files = sorted(checkpoint.glob("*.safetensors"))
    if not files:
        raise MissingInputError(f"{checkpoint} holds no *.safetensors file: name the folder of a checkpoint")
    shapes: dict[str, tuple[int, ...]] = {}
    size = 0
    for file in files:
        for name, entry in _read_header(file).items():
            if name != "__metadata__":
                shapes[name] = tuple(entry["shape"])
                size += entry["data_offsets"][1] - entry["data_offsets"][0]
    return TensorSizes(shapes, size)


def _read_header(path: Path) -> dict[str, dict[str, list[int]]]:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _HEADER_LIMIT_BYTES:
                raise ValueError(f"a header of {length} bytes")
            return json.loads(file.read(length))
    except (ValueError, struct.error) as error:
        raise IntegrityError(f"{path} is no safetensors file ({error}): take an intact copy") from error
