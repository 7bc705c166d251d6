"""What an export is made from, and how near it is to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tracewright.distill.version_config import ExportFormat
from tracewright.schemas.base import Count, Frozen


class ExportReport(Frozen):
    """An export in float32 and with int8 weights."""

    format: Literal["tracewright-export/1"] = "tracewright-export/1"
    to: ExportFormat
    source: str
    """The checkpoint's folder."""
    source_weights_sha256: str
    parameters: Count
    files: dict[str, Count]
    """Names of the models with their bytes, float32 first."""
    largest_difference: float
    """Between a logit of the float32 file and of the model, on random tokens."""


@dataclass(frozen=True)
class Exported:
    """What a format's exporter wrote into its folder."""

    files: tuple[str, ...]
    """The models, float32 first."""
    parameters: int
    largest_difference: float
    """Between a logit of the float32 file and of the model, on random tokens."""
