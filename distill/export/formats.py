"""A checkpoint in another program's format, in a folder that has all that goes with it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracewright.distill.checkpoint import hash_weights, read_config
from tracewright.distill.export.card import write_export_card
from tracewright.distill.export.report import Exported, ExportReport
from tracewright.distill.manifest import write_whole
from tracewright.distill.version_config import ExportFormat
from tracewright.schemas import InputError

REPORT_FILE = "export.json"
"""Written last: a folder that holds it holds a finished export."""
_COPIED = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_SUFFIXES = (".onnx", ".gguf")


def export_checkpoint(checkpoint: Path, out: Path, to: ExportFormat) -> ExportReport:
    """Write the checkpoint in another format, with tokenizer, template and card, into the new folder `out`.

    The float32 file is compared with the model before anything is kept.

    Args:
        checkpoint: a folder with safetensors, tokenizer and config, not quantized.
        out: must not exist; it is there whole or not at all.
        to: the format.

    Raises:
        InputError: what the format needs is not installed, the checkpoint is of a kind that the format does not take
            or quantized, `out` exists, or the file does not give what the model gives.
    """
    config = read_config(checkpoint)
    if "quantization_config" in config:
        raise InputError(f"{checkpoint} is quantized already: export the checkpoint that it was made from")
    if out.exists():
        raise InputError(f"{out} exists: choose another --out, or remove that folder")
    write = _load_writer(to)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as aside:
        folder = Path(aside) / out.name
        folder.mkdir()
        made = write(checkpoint, config, folder)
        for name in _COPIED:
            if (checkpoint / name).exists():
                shutil.copyfile(checkpoint / name, folder / name)
        report = ExportReport(
            to=to,
            source=checkpoint.name,
            source_weights_sha256=hash_weights(checkpoint),
            parameters=made.parameters,
            files={name: (folder / name).stat().st_size for name in made.files},
            largest_difference=made.largest_difference,
        )
        write_export_card(checkpoint, folder, report)
        write_whole(folder / REPORT_FILE, report)
        folder.rename(out)
    return report


def list_exported(folder: Path, of: Path) -> list[Path]:
    """The files of models in an export's folder.

    Raises:
        InputError: the folder is no export of the checkpoint `of` as it is now.
    """
    report = folder / REPORT_FILE
    source = json.loads(report.read_text())["source_weights_sha256"] if report.exists() else None
    if source != hash_weights(of):
        raise InputError(f"{folder} holds something else than an export of {of}: remove that folder")
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def _load_writer(to: ExportFormat) -> Callable[[Path, dict[str, Any], Path], Exported]:
    try:
        if to is ExportFormat.ONNX:
            from tracewright.distill.export.onnx_export import write_onnx

            return write_onnx
        from tracewright.distill.export.gguf_export import write_gguf
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed: pip install 'tracewright[{to}]' brings what an export to {to} needs"
        ) from error
    return write_gguf
