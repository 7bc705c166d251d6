"""Tracewright: from problems to checked reasoning traces, immutable releases and a quantized student."""

__version__ = "0.1.0"
