"""A GGUF file, run by llama.cpp on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp  # pyright: ignore[reportMissingImports]
import numpy as np
from numpy.typing import NDArray

from tracewright.distill.export.local_engine import LocalModel
from tracewright.schemas import InputError


class GgufModel(LocalModel):
    """The file's weights; tokens come from the tokenizer beside it, as for every other runtime."""

    def __init__(self, path: Path, context: int) -> None:
        self.name = f"llama.cpp {llama_cpp.__version__}"
        try:
            self._model: Any = llama_cpp.Llama(str(path), n_ctx=context, verbose=False)
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path} can't be loaded ({error}): export it again") from error

    def start(self) -> None:
        """Forget what was seen."""
        self._model.reset()

    def read(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logits (V) of what follows, once these tokens have been seen too."""
        self._model.eval(list(tokens))
        logits = llama_cpp.llama_get_logits_ith(self._model.ctx, -1)
        return np.ctypeslib.as_array(logits, shape=(self._model.n_vocab(),)).copy()
