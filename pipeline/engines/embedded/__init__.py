"""The teacher that ships: a Llama of 1.25 million parameters that works arithmetic step by step.

Its weights are package data beside this file, made by `tracewright teacher train`, with the calibration of its steps'
confidence; so the whole line runs without a model hub.
"""

from __future__ import annotations

from pathlib import Path

NAME = "tracewright/arithmetic-teacher"
MAX_TOKENS = 320
"""The longest worked solution with five operators has about 300 tokens."""
TEMPERATURE = 1.0
LOGPROBS = 5
ENGINE_ARGS = {"dtype": "float32", "max_model_len": 512}


def checkpoint_path() -> Path:
    """The folder of the embedded teacher's checkpoint."""
    return Path(__file__).parent
