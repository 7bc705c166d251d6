"""The recipe that builds a TensorRT engine from an exported graph, on a machine that has TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_RECIPE = """#!/bin/sh
# Builds a TensorRT engine from {graph}: run it in this folder, on the machine that will serve. Needs TensorRT's trtexec
# and an NVIDIA GPU. One engine reads prompts and goes on from them: batches of 1 to {batch}, at most {context} tokens.
set -eu
exec trtexec --onnx={graph} --saveEngine=model.plan --fp16 \\
  --minShapes={least} \\
  --optShapes={usual} \\
  --maxShapes={most}
"""
RECIPE_FILE = "build_tensorrt.sh"
_BATCH = 16
_USUAL_PROMPT = 128


def write_recipe(folder: Path, config: dict[str, Any], graph: str) -> None:
    """Write the recipe beside the graph; its shapes are the graph's inputs, by name."""
    context = int(config["max_position_embeddings"])
    text = _RECIPE.format(
        graph=graph,
        batch=_BATCH,
        context=context,
        least=format_shapes(config, 1, 1, 0),
        usual=format_shapes(config, 1, 1, min(_USUAL_PROMPT, context // 2)),
        most=format_shapes(config, _BATCH, context, context),
    )
    path = folder / RECIPE_FILE
    path.write_text(text)
    path.chmod(0o755)


def format_shapes(config: dict[str, Any], batch: int, length: int, past: int) -> str:
    """Every input's shape as `name:2x3`, for a past of so many tokens and so many new ones."""
    heads = int(config.get("num_key_value_heads") or config["num_attention_heads"])
    width = int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])
    shapes: dict[str, tuple[int, ...]] = {
        "input_ids": (batch, length),
        "attention_mask": (batch, past + length),
        "position_ids": (batch, length),
    }
    for layer in range(int(config["num_hidden_layers"])):
        for part in ("key", "value"):
            shapes[f"past_key_values.{layer}.{part}"] = (batch, heads, past, width)
    return ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes.items())
