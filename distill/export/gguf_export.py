"""A checkpoint as GGUF, the format of llama.cpp: in float32, and with its matrices in Q8_0.

Q8_0 is round-to-nearest int8 with a float16 scale for 32 weights in a row.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from tracewright.distill.export.gguf_vocabulary import write_vocabulary
from tracewright.distill.export.quiet import quiet
from tracewright.distill.export.report import Exported
from tracewright.distill.export.source_model import load_source
from tracewright.distill.loading import load_tokenizer
from tracewright.schemas import InputError

GGUF_FILE, GGUF_INT8_FILE = "model.gguf", "model_q8_0.gguf"
_ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
"""By `model_type`."""
_ROPE_TYPES = ("default", None)
_Q8_0_RUN = 32
_LARGEST_DIFFERENCE = 1e-3
_WORKED_TOKENS = 16


def write_gguf(checkpoint: Path, config: dict[str, Any], folder: Path) -> Exported:
    """Write `model.gguf` and `model_q8_0.gguf` into the folder; each holds tokenizer and chat template too.

    Raises:
        InputError: the checkpoint is of a kind, or has a tokenizer, that llama.cpp would read otherwise.
    """
    kind = str(config.get("model_type"))
    if kind not in _ARCHITECTURES:
        raise InputError(
            f"received a model of type {kind}, expected one of {', '.join(_ARCHITECTURES)}: export to onnx"
        )
    rope: dict[str, Any] = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type") not in _ROPE_TYPES:
        raise InputError(
            f"the model stretches its positions ({rope['rope_type']}), expected none of it: export to onnx"
        )
    with quiet():
        model = load_source(checkpoint)
    tensors = _name_tensors(model, _ARCHITECTURES[kind])
    for name, kept in ((GGUF_FILE, False), (GGUF_INT8_FILE, True)):
        _write(folder / name, checkpoint, model.config, _ARCHITECTURES[kind], tensors, q8_0=kept)
    difference = _compare(model, folder)
    return Exported((GGUF_FILE, GGUF_INT8_FILE), sum(parameter.numel() for parameter in model.parameters()), difference)


def _name_tensors(model: Any, architecture: gguf.MODEL_ARCH) -> dict[str, NDArray[np.float32]]:
    """Every tensor under llama.cpp's name."""
    config = model.config
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, parameter in model.named_parameters():  # a tied head is named once
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise InputError(f"{name} has no place in a GGUF file of a {config.model_type} model: export to onnx")
        value = parameter.detach().float().numpy()
        layer = name.split(".")[-2]
        if architecture is gguf.MODEL_ARCH.LLAMA and layer in heads:
            value = _interleave(value, heads[layer])
        tensors[found] = np.ascontiguousarray(value)
    return tensors


def _interleave(value: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows in llama.cpp's order: it turns neighbours (0, 1), (2, 3) …, transformers a head's halves."""
    return value.reshape(heads, 2, -1, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)


def _write(
    path: Path,
    checkpoint: Path,
    config: Any,
    architecture: gguf.MODEL_ARCH,
    tensors: dict[str, NDArray[np.float32]],
    *,
    q8_0: bool,
) -> None:
    writer = GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_name(checkpoint.name)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0 if q8_0 else LlamaFileType.ALL_F32)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(float(config.rope_parameters["rope_theta"]))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    write_vocabulary(writer, load_tokenizer(checkpoint), config.vocab_size)
    for name, value in tensors.items():
        if q8_0 and value.ndim > 1 and value.shape[-1] % _Q8_0_RUN == 0:
            numbers = gguf.quants.quantize(value, GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, numbers, raw_dtype=GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@torch.no_grad()
def _compare(model: Any, folder: Path) -> float:
    """The largest difference between a logit of the model and of the file as transformers reads it."""
    with quiet(), contextlib.redirect_stderr(io.StringIO()):  # its progress bar can't be turned off
        read: Any = AutoModelForCausalLM.from_pretrained(
            folder, config=model.config, gguf_file=GGUF_FILE, dtype=torch.float32
        )
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, model.config.vocab_size, (1, _WORKED_TOKENS), generator=generator)
    largest = float((model(tokens).logits - read.eval()(tokens).logits).abs().max())
    if not largest <= _LARGEST_DIFFERENCE:
        raise InputError(
            f"the exported file's logits differ by {largest:.2g} from those of the {type(model).__name__}, expected at "
            f"most {_LARGEST_DIFFERENCE:g}: this kind of model can't be exported to gguf; export to onnx"
        )
    return largest
