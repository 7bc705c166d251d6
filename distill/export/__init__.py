"""Students for other runtimes: ONNX and GGUF, and engines that answer with them as vLLM does."""

from tracewright.distill.export.formats import export_checkpoint, list_exported

__all__ = ["export_checkpoint", "list_exported"]
