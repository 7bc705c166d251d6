"""Int8 students: weights and activations, layer by layer, calibrated on a release's traces."""

from tracewright.distill.quantize.checkpoint import quantize_checkpoint

__all__ = ["quantize_checkpoint"]
