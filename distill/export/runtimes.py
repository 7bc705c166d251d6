"""Which program runs a model: vLLM, transformers, onnxruntime or llama.cpp."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tracewright.distill.checkpoint import engine_settings, read_config
from tracewright.distill.export.process_engine import ProcessEngine
from tracewright.pipeline.engines.base import Engine
from tracewright.pipeline.engines.vllm_engine import VllmEngine
from tracewright.schemas import InputError, MissingInputError

_EXPORTED = {".onnx": "model.onnx", ".gguf": "model.gguf"}
"""The file of an export's folder that is meant where the folder is named."""
_PACKAGES = {
    ".onnx": ("onnxruntime", "onnx", ""),
    ".gguf": ("llama_cpp", "llama-cpp", " (it is compiled then: a C++ compiler and some minutes)"),
}
"""What runs an exported file: module, extra of this package, and what to expect."""


class Runtime(StrEnum):
    """What runs a model."""

    VLLM = "vllm"
    TRANSFORMERS = "transformers"
    ONNXRUNTIME = "onnxruntime"
    LLAMA_CPP = "llama.cpp"


_RUNTIMES = {".onnx": Runtime.ONNXRUNTIME, ".gguf": Runtime.LLAMA_CPP}


def find_exported(model: Path) -> Path | None:
    """The exported file that a path names, by itself or as the folder of an export; None where it is a checkpoint."""
    if model.suffix in _EXPORTED:
        return model if model.is_file() else None
    return next((model / name for name in _EXPORTED.values() if (model / name).is_file()), None)


def choose_runtime(model: Path, runtime: Runtime) -> Runtime:
    """What runs the model: an exported file has one runtime alone, a checkpoint the given one."""
    exported = find_exported(model)
    return _RUNTIMES[exported.suffix] if exported else runtime


def check_model(model: Path) -> None:
    """See whether the path names a model that can be run here.

    Raises:
        MissingInputError, InputError: it names none, one that is not safe to load, or one whose runtime is missing.
    """
    exported = find_exported(model)
    if exported is None:
        if model.suffix in _EXPORTED:
            raise MissingInputError(f"there is no file {model}: name one that `tracewright export` wrote")
        read_config(model)
    elif not can_run(exported):
        package, extra, note = _PACKAGES[exported.suffix]
        raise InputError(
            f"{exported} needs {package}, which is not installed: pip install 'tracewright[{extra}]'{note}"
        )


def can_run(model: Path) -> bool:
    """Whether the program that runs an exported file is installed; checkpoints can always be run."""
    exported = find_exported(model)
    return exported is None or find_spec(_PACKAGES[exported.suffix][0]) is not None


def start_engine(model: Path, runtime: Runtime, max_tokens: int | None, log: Path) -> Engine:
    """An engine that answers with the model, in a process of its own. vLLM's loads unwaited for.

    Raises:
        MissingInputError, InputError: as for `check_model`.
    """
    check_model(model)
    if choose_runtime(model, runtime) is Runtime.VLLM:
        return VllmEngine(engine_settings(model, max_tokens=max_tokens), log)
    return ProcessEngine(partial(start_local, model, max_tokens))


def start_local(model: Path, max_tokens: int | None = None) -> Engine:
    """An engine in this process: an exported file on its runtime, a checkpoint on transformers."""
    from tracewright.distill.export.local_engine import LocalEngine, LocalModel, read_settings

    exported = find_exported(model)
    folder = exported.parent if exported else model
    settings = read_settings(folder, max_tokens)
    loaded: LocalModel
    if exported is None:
        from tracewright.distill.export.transformers_model import TransformersModel

        loaded = TransformersModel(model)
    elif exported.suffix == ".onnx":
        from tracewright.distill.export.onnx_model import OnnxModel

        loaded = OnnxModel(exported)
    else:
        from tracewright.distill.export.gguf_model import GgufModel

        loaded = GgufModel(exported, settings.context)
    return LocalEngine(loaded, folder, settings)


def measure_files(model: Path) -> int:
    """The bytes of what is loaded: an exported file, or the safetensors files."""
    exported = find_exported(model)
    return sum(file.stat().st_size for file in ([exported] if exported else model.glob("*.safetensors")))
