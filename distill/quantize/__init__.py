"""Int8 students: weights and activations, layer by layer, calibrated on a release's traces."""

from tracewright.distill.quantize.checkpoint import quantize_checkpoint
from tracewright.distill.quantize.report import LayerReport, QuantizationReport, read_quantization_report

__all__ = ["LayerReport", "QuantizationReport", "quantize_checkpoint", "read_quantization_report"]
