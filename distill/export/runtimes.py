"""Which program runs a model: vLLM, transformers or onnxruntime."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from tracewright.distill.checkpoint import engine_settings, read_config
from tracewright.pipeline.engines.base import Engine
from tracewright.pipeline.engines.vllm_engine import VllmEngine
from tracewright.schemas import InputError, MissingInputError

ONNX_SUFFIX = ".onnx"
_GRAPH = "model.onnx"


class Runtime(StrEnum):
    """What runs a checkpoint of safetensors; an ONNX graph has one runtime alone."""

    VLLM = "vllm"
    TRANSFORMERS = "transformers"


def find_graph(model: Path) -> Path | None:
    """The ONNX graph that a path names, by itself or as the folder of an export; None where it is a checkpoint."""
    graph = model if model.suffix == ONNX_SUFFIX else model / _GRAPH
    return graph if graph.is_file() else None


def check_model(model: Path) -> None:
    """See whether the path names a model.

    Raises:
        MissingInputError, InputError: it names none, or one that is not safe to load.
    """
    if find_graph(model) is None:
        if model.suffix == ONNX_SUFFIX:
            raise MissingInputError(f"there is no file {model}: name a graph that `tracewright export` wrote")
        read_config(model)


def start_engine(model: Path, runtime: Runtime, max_tokens: int | None, log: Path) -> Engine:
    """An engine that answers with the model. vLLM's loads unwaited for; the others run in this process.

    Raises:
        MissingInputError, InputError: as for `check_model`.
    """
    check_model(model)
    graph = find_graph(model)
    if graph is None and runtime is Runtime.VLLM:
        return VllmEngine(engine_settings(model, max_tokens=max_tokens), log)
    from tracewright.distill.export.local_engine import LocalEngine, read_settings

    folder = graph.parent if graph else model
    settings = read_settings(folder, max_tokens)
    if graph:
        try:
            from tracewright.distill.export.onnx_model import OnnxModel
        except ImportError as error:
            raise InputError("onnxruntime is not installed: pip install 'tracewright[onnx]'") from error
        return LocalEngine(OnnxModel(graph), folder, settings)
    from tracewright.distill.export.transformers_model import TransformersModel

    return LocalEngine(TransformersModel(model), folder, settings)


def measure_files(model: Path) -> int:
    """The bytes of what is loaded: a graph, or the safetensors files."""
    graph = find_graph(model)
    return sum(file.stat().st_size for file in ([graph] if graph else model.glob("*.safetensors")))
