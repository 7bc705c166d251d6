"""What an export is made from, and how near it is to it."""

from __future__ import annotations

from tracewright.schemas.base import Count, Frozen


class ExportReport(Frozen):
    """An ONNX export, in float32 and with int8 weights."""

    format: str = "tracewright-onnx/1"
    source: str
    """The checkpoint's folder."""
    source_weights_sha256: str
    parameters: Count
    onnx_bytes: Count
    int8_bytes: Count
    largest_difference: float
    """Between a logit of the float32 graph and of the model, on random tokens with and without a past."""
