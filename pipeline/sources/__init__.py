"""Where problems and traces come from: files made by others, and the arithmetic this repository writes itself."""

from tracewright.pipeline.sources.arithmetic_problems import draw_problems
from tracewright.pipeline.sources.problems import count_problems, read_problems, write_problems
from tracewright.pipeline.sources.traces import TRACE_FORMATS, ImportedStep, ImportedTrace, read_traces

__all__ = [
    "TRACE_FORMATS",
    "ImportedStep",
    "ImportedTrace",
    "count_problems",
    "draw_problems",
    "read_problems",
    "read_traces",
    "write_problems",
]
