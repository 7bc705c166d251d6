"""An exported model, run by onnxruntime on the CPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tracewright.distill.export.local_engine import LocalModel


def open_session(path: Path, threads: int = 0) -> Any:
    """The graph, ready to run; 0 threads: onnxruntime's choice."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def past_names(config: Any) -> list[str]:
    """The graph's inputs that hold what it has seen, in order."""
    return [f"past_key_values.{layer}.{part}" for layer in range(config.num_hidden_layers) for part in ("key", "value")]


class OnnxModel(LocalModel):
    """An exported graph that goes on from what it has seen."""

    def __init__(self, graph: Path, threads: int = 0) -> None:
        self.name = f"onnxruntime {onnxruntime.__version__}"
        self._session = open_session(graph, threads)
        config = SimpleNamespace(**json.loads((graph.parent / "config.json").read_text()))
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self._names = past_names(config)
        self._nothing = np.zeros((1, config.num_key_value_heads, 0, width), np.float32)
        self._past: list[NDArray[np.float32]] = []
        self._seen = 0
        self.start()

    def start(self) -> None:
        """Forget what was seen."""
        self._past, self._seen = [self._nothing] * len(self._names), 0

    def read(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The logits (V) of what follows, once these tokens have been seen too."""
        end = self._seen + len(tokens)
        feeds: dict[str, Any] = {
            "input_ids": np.array([tokens], np.int64),
            "attention_mask": np.ones((1, end), np.int64),
            "position_ids": np.arange(self._seen, end, dtype=np.int64)[None],
            **dict(zip(self._names, self._past, strict=True)),
        }
        logits_1_L_V, *self._past = self._session.run(None, feeds)
        self._seen = end
        return logits_1_L_V[0, -1]
