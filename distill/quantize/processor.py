"""What this machine's processor does with 8-bit integers."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

_CPUINFO = Path("/proc/cpuinfo")
_EXACT = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Instructions that add products of 8-bit integers in 32 bits."""


def saturates_int8(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether int8 models run here on instructions that add two products in 16 bits: x86 without VNNI, and no GPU."""
    if torch.cuda.is_available() or platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return bool(flags) and _EXACT.isdisjoint(flags)
