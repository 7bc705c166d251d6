"""The model that is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tracewright.distill.loading import load_model
from tracewright.schemas import InputError


def load_source(checkpoint: Path) -> Any:
    """The checkpoint in float32, with the attention that exporters can read.

    Raises:
        InputError: it can't be loaded, or is no decoder of the Llama family.
    """
    # The other implementations of attention give graphs that read a row of padding as not-a-number.
    model = load_model(checkpoint, dtype=torch.float32, attention="eager")
    if not hasattr(model.config, "num_key_value_heads"):
        raise InputError(
            f"received a {type(model).__name__}, expected a decoder of the Llama family (Llama, Mistral, Qwen and the "
            "like): other kinds can't be exported"
        )
    return model.eval().requires_grad_(False)
