"""Traces as files that other programs read, and what their formats can't hold."""

from tracewright.pipeline.exporting.export import EXPORT_FORMATS, Exported, export_traces
from tracewright.pipeline.exporting.labels import Labelled, label_traces

__all__ = ["EXPORT_FORMATS", "Exported", "Labelled", "export_traces", "label_traces"]
