"""A checkpoint as ONNX: one graph that reads a prompt and goes on from it, in float32 and with int8 weights.

Inputs and outputs have the names that Optimum gives them, so that other programs find their way: `input_ids`,
`attention_mask` and `position_ids` (B × L, B × (P + L), B × L), and for each layer `past_key_values.N.key` and `.value`
(B × H × P × D); `logits` (B × L × V) and `present.N.key` and `.value` (B × H × (P + L) × D). P may be 0.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from transformers import DynamicCache

from tracewright.distill.export.onnx_model import open_session, past_names
from tracewright.distill.export.quiet import quiet
from tracewright.distill.export.report import Exported
from tracewright.distill.export.source_model import load_source
from tracewright.distill.export.tensorrt import write_recipe
from tracewright.schemas import InputError

ONNX_FILE, INT8_FILE = "model.onnx", "model_int8.onnx"
_MAX_DIMENSION = 2**20
_LARGEST_DIFFERENCE = 1e-3
"""Of a logit between PyTorch and ONNX in float32; sums in another order differ by some 1e-5."""
_WORKED_TOKENS = (4, 3)
"""Of a past and of what follows it, when the graph is compared with the model."""


class _WithPast(torch.nn.Module):
    """The model as a function of tensors alone."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.eval()

    def forward(
        self,
        input_ids_B_L: torch.Tensor,
        attention_mask_B_K: torch.Tensor,
        position_ids_B_L: torch.Tensor,
        past: list[torch.Tensor],
    ) -> tuple[torch.Tensor, ...]:
        """Logits, then keys and values of every layer, those of the past included."""
        cache = DynamicCache(config=self.model.config)
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        output = self.model(
            input_ids=input_ids_B_L,
            attention_mask=attention_mask_B_K,
            position_ids=position_ids_B_L,
            past_key_values=cache,
            use_cache=True,
        )
        return (output.logits, *(part for kept in output.past_key_values.layers for part in (kept.keys, kept.values)))


def write_onnx(checkpoint: Path, config: dict[str, Any], folder: Path) -> Exported:
    """Write `model.onnx`, `model_int8.onnx` and the recipe for TensorRT into the folder.

    The int8 graph has its linear layers' weights in int8, a scale an output channel, and quantizes their inputs as it
    runs.

    Raises:
        InputError: the checkpoint is of another kind, or the graph does not give what the model gives.
    """
    with quiet():
        model = load_source(checkpoint)
    _export(model, folder / ONNX_FILE)
    difference = _compare(model, folder / ONNX_FILE)
    _quantize(folder / ONNX_FILE, folder / INT8_FILE)
    write_recipe(folder, config, ONNX_FILE)
    return Exported((ONNX_FILE, INT8_FILE), sum(parameter.numel() for parameter in model.parameters()), difference)


def _export(model: Any, path: Path) -> None:
    names = past_names(model.config)
    batch, length, past = (
        torch.export.Dim(name, min=low, max=_MAX_DIMENSION) for name, low in (("batch", 1), ("length", 1), ("past", 0))
    )
    shapes = (
        {0: batch, 1: length},
        {0: batch, 1: torch.export.Dim.DYNAMIC},
        {0: batch, 1: length},
        [{0: batch, 2: past}] * len(names),
    )
    arguments = _make_arguments(model.config, 2, *_WORKED_TOKENS)
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _WithPast(model),
            arguments,
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=["input_ids", "attention_mask", "position_ids", *names],
            output_names=["logits", *(name.replace("past_key_values", "present") for name in names)],
            verbose=False,
        )
    if program is None:
        raise InputError(f"torch gave no ONNX program for a {type(model).__name__}")
    graph = program.model_proto
    _forget_origins(graph)
    onnx.save(graph, path)


def _forget_origins(graph: onnx.ModelProto) -> None:
    """Without the stack traces of each node: half of a small model's bytes, and paths of this machine."""
    del graph.metadata_props[:]
    holders = [graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output]
    for function in graph.functions:
        holders += [function, *function.node]
    for holder in holders:
        del holder.metadata_props[:]
        holder.doc_string = ""


def _make_arguments(config: Any, batch: int, past: int, length: int) -> tuple[Any, ...]:
    """Random tokens behind a random past."""
    generator = torch.Generator().manual_seed(0)
    heads, width = config.num_key_value_heads, _head_size(config)
    kept = [torch.randn(batch, heads, past, width, generator=generator) for _ in past_names(config)]
    tokens = torch.randint(0, config.vocab_size, (batch, length), generator=generator)
    places = torch.arange(past, past + length)[None].repeat(batch, 1)
    return tokens, torch.ones(batch, past + length, dtype=torch.long), places, kept


def _head_size(config: Any) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def _compare(model: Any, path: Path) -> float:
    """The largest difference between a logit of the graph and of the model, with and without a past."""
    session, largest = open_session(path), 0.0
    for past in (0, _WORKED_TOKENS[0]):
        tokens, mask, places, kept = _make_arguments(model.config, 1, past, _WORKED_TOKENS[1])
        named = zip(past_names(model.config), kept, strict=True)
        feeds = {"input_ids": tokens, "attention_mask": mask, "position_ids": places, **dict(named)}
        got = session.run(["logits"], {name: value.numpy() for name, value in feeds.items()})[0]
        wanted = _WithPast(model)(tokens, mask, places, kept)[0]
        largest = max(largest, float((torch.from_numpy(got) - wanted).abs().max()))
    if not largest <= _LARGEST_DIFFERENCE:
        raise InputError(
            f"the exported graph's logits differ by {largest:.2g} from those of the {type(model).__name__}, expected "
            f"at most {_LARGEST_DIFFERENCE:g}: this kind of model can't be exported"
        )
    return largest


def _quantize(path: Path, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared = Path(folder) / ONNX_FILE
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(prepared, out, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"])
