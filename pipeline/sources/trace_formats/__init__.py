"""The formats of existing traces, one file each: how the traces of one row are read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tracewright.pipeline.sources.imported import RowReader
from tracewright.pipeline.sources.trace_formats.chat import read_messages, read_prompt_completion
from tracewright.pipeline.sources.trace_formats.gsm8k import read_human_solution, read_model_solutions
from tracewright.pipeline.sources.trace_formats.openr1 import read_generations
from tracewright.pipeline.sources.trace_formats.own import read_own
from tracewright.pipeline.sources.trace_formats.prm800k import read_rated_solution

TRACE_FORMATS: Mapping[str, RowReader] = MappingProxyType(
    {
        "jsonl": read_own,
        "gsm8k": read_human_solution,
        "gsm8k-solutions": read_model_solutions,
        "openr1": read_generations,
        "messages": read_messages,
        "prm800k": read_rated_solution,
        "prompt-completion": read_prompt_completion,
    }
)
"""Each format's name, as the command line has it, and its reader."""

__all__ = ["TRACE_FORMATS"]
