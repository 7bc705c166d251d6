"""The card of an export."""

from __future__ import annotations

from pathlib import Path

from tracewright.distill.export.report import ExportReport
from tracewright.distill.version_config import ExportFormat

_CARD = """---
library_name: {library}
pipeline_tag: text-generation
tags: [reasoning, {to}, tracewright]
---
# {name}

`{source}` ({parameters:,} parameters, weights `{weights}`) for {program}, made by `tracewright export`.

| file | numbers | bytes |
|---|---|---|
{files}

- **Against the checkpoint**: the largest difference of a logit is {difference:.1e} in float32, on random tokens.
- **How good it is**: `tracewright evaluate CHECKPOINT DIR DIR/{last} --problems FILE` says it beside the checkpoint,
  with intervals.
{notes}
"""
_ONNX_NOTES = """\
- **Inputs and outputs** have Optimum's names: `input_ids`, `attention_mask`, `position_ids`,
  `past_key_values.N.key|value` → `logits`, `present.N.key|value`. Batch, length and past may be of any size; a first
  call has a past of 0 tokens.
- **TensorRT**: `build_tensorrt.sh` builds an engine where `trtexec` is. It has not been run where this was made."""
_GGUF_NOTES = """\
- **Tokens**: tokenizer and chat template are in the file, so that `llama-cli -m {first}` converses; what a normalizer
  of `tokenizer.json` would have replaced must be written as the model knows it."""
_WORDS = {
    ExportFormat.ONNX: (
        "onnx",
        "onnxruntime",
        _ONNX_NOTES,
        "linear layers' weights in int8, inputs quantized as it runs",
    ),
    ExportFormat.GGUF: ("gguf", "llama.cpp", _GGUF_NOTES, "matrices in Q8_0: int8, a scale for 32"),
}
"""The library's name on a hub, the program, what to know, and the smaller file's numbers."""
_ORIGIN = """
## The checkpoint's own card

{card}
"""


def write_export_card(checkpoint: Path, folder: Path, report: ExportReport) -> None:
    """README.md beside the graphs; the checkpoint's own card follows, without its header."""
    library, program, notes, small = _WORDS[report.to]
    sizes = list(report.files.items())
    files = [f"| `{name}` | {small if place else 'float32'} | {size:,} |" for place, (name, size) in enumerate(sizes)]
    text = _CARD.format(
        library=library,
        to=report.to,
        name=folder.name,
        source=report.source,
        parameters=report.parameters,
        weights=report.source_weights_sha256[:12],
        program=program,
        files="\n".join(files),
        difference=report.largest_difference,
        last=sizes[-1][0],
        notes=notes.format(first=sizes[0][0]),
    )
    own = checkpoint / "README.md"
    if own.exists():
        body = own.read_text(encoding="utf-8").split("\n---\n", 1)[-1].strip()
        text += _ORIGIN.format(card=body.replace("\n# ", "\n### ").replace("\n## ", "\n### "))
    (folder / "README.md").write_text(text, encoding="utf-8")
