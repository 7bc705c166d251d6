"""Smaller students: int8 weights and activations, or int4 weights, layer by layer, calibrated on a release's traces."""

from tracewright.distill.quantize.checkpoint import quantize_checkpoint

__all__ = ["quantize_checkpoint"]
