"""The card of an export."""

from __future__ import annotations

from pathlib import Path

from tracewright.distill.export.report import ExportReport

_CARD = """---
library_name: onnx
pipeline_tag: text-generation
tags: [reasoning, onnx, tracewright]
---
# {name}

`{source}` ({parameters:,} parameters, weights `{weights}`) for onnxruntime, made by `tracewright export`.

| file | numbers | bytes |
|---|---|---|
| `model.onnx` | float32 | {onnx_bytes:,} |
| `model_int8.onnx` | linear layers' weights in int8, inputs quantized as it runs | {int8_bytes:,} |

- **Against the checkpoint**: the largest difference of a logit is {difference:.1e} in float32, on random tokens.
- **How good it is**: `tracewright evaluate DIR --problems FILE --engine onnx` (or `onnx-int8`) says it, with intervals.
- **Inputs and outputs** have Optimum's names: `input_ids`, `attention_mask`, `position_ids`,
  `past_key_values.N.key|value` → `logits`, `present.N.key|value`. Batch, length and past may be of any size; a first
  call has a past of 0 tokens.
- **TensorRT**: `build_tensorrt.sh` builds an engine where `trtexec` is. It has not been run where this was made.
"""
_ORIGIN = """
## The checkpoint's own card

{card}
"""


def write_export_card(checkpoint: Path, folder: Path, report: ExportReport) -> None:
    """README.md beside the graphs; the checkpoint's own card follows, without its header."""
    text = _CARD.format(
        name=folder.name,
        source=report.source,
        parameters=report.parameters,
        weights=report.source_weights_sha256[:12],
        onnx_bytes=report.onnx_bytes,
        int8_bytes=report.int8_bytes,
        difference=report.largest_difference,
    )
    own = checkpoint / "README.md"
    if own.exists():
        body = own.read_text(encoding="utf-8").split("\n---\n", 1)[-1].strip()
        text += _ORIGIN.format(card=body.replace("\n# ", "\n### ").replace("\n## ", "\n### "))
    (folder / "README.md").write_text(text, encoding="utf-8")
