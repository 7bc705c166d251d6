"""A checkpoint run by transformers in this process: the yardstick for other runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import DynamicCache
from transformers.utils.logging import disable_progress_bar

from tracewright.distill.export.local_engine import LocalModel
from tracewright.distill.loading import load_model


class TransformersModel(LocalModel):
    """The checkpoint in float32, or in the number format that its quantization has."""

    def __init__(self, checkpoint: Path) -> None:
        self.name = f"transformers {transformers.__version__}"
        disable_progress_bar()
        self._model: Any = load_model(checkpoint, dtype=torch.float32).eval()
        self.start()

    def start(self) -> None:
        """Forget what was seen."""
        self._cache = DynamicCache(config=self._model.config)

    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logits (V) of what follows, once these tokens have been seen too."""
        output = self._model(input_ids=torch.tensor([tokens]), past_key_values=self._cache, use_cache=True)
        return output.logits[0, -1].float().numpy()
