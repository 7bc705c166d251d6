"""The model that is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from tracewright.schemas import InputError


def load_model(checkpoint: Path) -> Any:
    """The checkpoint in float32, with the attention that exporters can read.

    Raises:
        InputError: it can't be loaded, or is no decoder of the Llama family.
    """
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            # The other implementations of attention give graphs that read a row of padding as not-a-number.
            checkpoint,
            dtype=torch.float32,
            use_safetensors=True,
            attn_implementation="eager",
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{checkpoint} can't be loaded ({error}): name a student's checkpoint") from error
    if not hasattr(model.config, "num_key_value_heads"):
        raise InputError(
            f"received a {type(model).__name__}, expected a decoder of the Llama family (Llama, Mistral, Qwen and the "
            "like): other kinds can't be exported"
        )
    return model.eval().requires_grad_(False)
