"""A model's folder, as every tool of the line writes and loads it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracewright.pipeline.engines.vllm_engine import VllmSettings, has_nvidia_gpu
from tracewright.schemas import InputError, MissingInputError, Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SMALL_BYTES = 200 * 2**20
"""A model this small keeps a CPU engine busy with Python; more than one thread for its products slows it down."""
MAX_TOKENS = 2048
"""Of one answer, where nothing is said."""
_MAX_CACHE_BYTES = 2**30
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def save_checkpoint(model: Any, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Weights as safetensors, with config, tokenizer and chat template, in the layout that vLLM loads."""
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config.max_length = None
    model.generation_config.max_new_tokens = None
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def read_config(checkpoint: Path) -> dict[str, Any]:
    """The checkpoint's `config.json`.

    Raises:
        MissingInputError: the folder is no checkpoint.
        InputError: it holds weights that only unpickling could load, which would run whatever is in them, or its
            config can't be read.
    """
    path = checkpoint / "config.json"
    if not path.exists():
        raise MissingInputError(f"{checkpoint} holds no config.json, so it is no checkpoint: name the folder of one")
    if not any(checkpoint.glob("*.safetensors")):
        pickles = sorted(file.name for pattern in _PICKLES for file in checkpoint.glob(pattern))
        if pickles:
            raise InputError(
                f"{checkpoint} has its weights in {pickles[0]}, a pickle, which would run code when it is loaded; "
                "expected *.safetensors: convert it where you trust it"
            )
        raise MissingInputError(f"{checkpoint} holds no *.safetensors file: name the folder of a whole checkpoint")
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}): take an intact copy") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} holds a {type(config).__name__}, expected an object: take an intact copy")
    return config


def hash_weights(checkpoint: Path) -> str:
    """SHA-256 of the folder's safetensors files, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(checkpoint.glob("*.safetensors")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def engine_settings(
    checkpoint: Path, *, sampling: Sampling | None = None, max_tokens: int | None = None, max_in_flight: int = 256
) -> VllmSettings:
    """How vLLM is to load the checkpoint: in its own number format, with as much context as it was made for.

    `max_tokens` is half of that context where left out, at most 2,048.

    Raises:
        MissingInputError, InputError: as for `read_config`.
    """
    config = read_config(checkpoint)
    context = int(config.get("max_position_embeddings", 2 * MAX_TOKENS))
    is_small = sum(file.stat().st_size for file in checkpoint.glob("*.safetensors")) <= _SMALL_BYTES
    engine_args: dict[str, Any] = {"dtype": config.get("dtype", "auto"), "max_model_len": context}
    if is_small and not has_nvidia_gpu():
        engine_args["kv_cache_memory_bytes"] = _cache_bytes(config, context * max_in_flight)
    return VllmSettings(
        model=str(checkpoint),
        sampling=sampling or Sampling(),
        max_tokens=max_tokens or min(MAX_TOKENS, context // 2),
        logprobs=0,
        max_in_flight=max_in_flight,
        cpu_threads=1 if is_small else None,
        engine_args=engine_args,
    )


def _cache_bytes(config: dict[str, Any], tokens: int) -> int:
    """Keys and values of so many tokens, in float32: with the gibibyte that engines take by default, three of them side
    by side held 2.6 GiB more."""
    heads = int(config.get("num_key_value_heads") or config["num_attention_heads"])
    width = int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])
    wanted = tokens * int(config["num_hidden_layers"]) * 2 * heads * width * 4
    return min(_MAX_CACHE_BYTES, wanted)
