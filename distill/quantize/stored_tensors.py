"""Quantized weights in the layout that vLLM loads: compressed-tensors' `int-quantized` and `pack-quantized`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationConfig,
    QuantizationScheme,
    QuantizationStatus,
    QuantizationStrategy,
)
from safetensors.torch import save_file

from tracewright.distill.quantize.grid import Grid
from tracewright.distill.quantize.linear import QuantizedLinear

REST_DTYPE = torch.bfloat16
"""Of embeddings, head, norms, biases and kept layers, which stay unquantized."""
QUANTIZED_KEY = "quantization_config"
_COPIED = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def write_tensors(
    checkpoint: Path, config: dict[str, Any], grid: Grid, model: Any, out: Path, kept: Sequence[str] = ()
) -> None:
    """The model, and what else an engine needs of the checkpoint that it was made from.

    Args:
        checkpoint: the unquantized one.
        config: its `config.json`.
        grid: the numbers that weights have become.
        model: the quantized model.
        out: the new checkpoint's folder.
        kept: names of linear layers that stayed unquantized.
    """
    out.mkdir(parents=True, exist_ok=True)
    save_file(_collect_tensors(model), out / "model.safetensors", {"format": "pt"})
    config |= {"dtype": str(REST_DTYPE).removeprefix("torch."), QUANTIZED_KEY: _describe_format(grid, kept)}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "generation_config.json").write_text((checkpoint / "generation_config.json").read_text())
    for name in _COPIED:
        if (checkpoint / name).exists():
            shutil.copyfile(checkpoint / name, out / name)


def _collect_tensors(model: Any) -> dict[str, torch.Tensor]:
    """All tensors as they are stored; tied ones once."""
    tensors = {name: parameter.detach().to(REST_DTYPE) for name, parameter in model.named_parameters()}
    for name, module in model.named_modules():
        if isinstance(module, QuantizedLinear):
            tensors |= {f"{name}.{part}": tensor for part, tensor in _store_weight(module).items()}
            if module.bias_O is not None:
                tensors[f"{name}.bias"] = module.bias_O.to(REST_DTYPE)
    return tensors


def _store_weight(layer: QuantizedLinear) -> dict[str, torch.Tensor]:
    """Integers and scales as compressed-tensors stores them: int8 as they are, smaller ones eight to an int32."""
    integers_O_I, scales = layer.integers_O_I.contiguous(), layer.scales_O_G.to(REST_DTYPE)
    if layer.grid.bits == 8:
        return {"weight": integers_O_I, "weight_scale": scales}
    return {
        "weight_packed": pack_to_int32(integers_O_I, layer.grid.bits),
        "weight_scale": scales,
        "weight_shape": torch.tensor(integers_O_I.shape),
    }


def _describe_format(grid: Grid, kept: Sequence[str]) -> dict[str, Any]:
    """What `config.json` says of the numbers, in compressed-tensors' words."""
    by_token = QuantizationArgs(num_bits=grid.bits, symmetric=True, strategy=QuantizationStrategy.TOKEN, dynamic=True)
    scheme = QuantizationScheme(
        targets=["Linear"],
        weights=QuantizationArgs(
            num_bits=grid.bits,
            symmetric=True,
            strategy=QuantizationStrategy.GROUP if grid.group else QuantizationStrategy.CHANNEL,
            group_size=grid.group,
        ),
        input_activations=by_token if grid.activations else None,
    )
    described = QuantizationConfig(
        config_groups={"group_0": scheme},
        format="int-quantized" if grid.bits == 8 else "pack-quantized",
        quantization_status=QuantizationStatus.COMPRESSED,
        ignore=["lm_head", *(f"model.{name}" for name in kept)],
    )
    return json.loads(described.model_dump_json(exclude_none=True))
