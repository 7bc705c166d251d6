"""How large a checkpoint is, read from the headers of its safetensors files."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from tracewright.schemas import IntegrityError, MissingInputError

_NO_PARAMETERS = ("_scale", "_shape")
_PACKED_SUFFIX = "_packed"
_PACKED_NUMBERS = 8
"""Four-bit numbers in one int32, as compressed-tensors packs them."""


@dataclass(frozen=True)
class TensorSizes:
    """What the tensors of a checkpoint take."""

    parameters: int
    """Numbers of all tensors but the scales and shapes of quantized ones; what two layers share counts once."""
    bytes: int
    """Of all tensors as they are stored, without the files' headers."""


def measure_tensors(checkpoint: Path) -> TensorSizes:
    """The sizes of a checkpoint's tensors; no tensor is read.

    Raises:
        MissingInputError: the folder holds no safetensors file.
        IntegrityError: one of them is damaged.
    """
    files = sorted(checkpoint.glob("*.safetensors"))
    if not files:
        raise MissingInputError(f"{checkpoint} holds no *.safetensors file: name the folder of a checkpoint")
    parameters = size = 0
    for file in files:
        for name, count, bits in _read_sizes(file):
            size += count * bits // 8
            numbers = count * _PACKED_NUMBERS if name.endswith(_PACKED_SUFFIX) else count
            parameters += 0 if name.endswith(_NO_PARAMETERS) else numbers
    return TensorSizes(parameters, size)


def _read_sizes(path: Path) -> list[tuple[str, int, int]]:
    """Each tensor's name, how many numbers it has, and the bits of each."""
    try:
        with safe_open(path, "numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return [(name, math.prod(s.get_shape()), _bits(str(s.get_dtype()))) for name, s in slices.items()]
    except (SafetensorError, OSError) as error:
        raise IntegrityError(f"{path} is no safetensors file ({error}): take an intact copy") from error


def _bits(dtype: str) -> int:
    """Of a number format as safetensors calls it: `BF16`, `I8`, `F8_E4M3`, `BOOL`."""
    digits = re.search(r"\d+", dtype)
    return int(digits.group()) if digits else 8
