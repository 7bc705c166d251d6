"""Silence for libraries that report their progress to the terminal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator

from transformers.utils.logging import disable_progress_bar

_TALKATIVE = ("torch.onnx", "onnxscript", "onnx_ir", "root")


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Only errors, from the exporters and the quantizer, and no progress bars of transformers from here on."""
    loggers = [logging.getLogger(None if name == "root" else name) for name in _TALKATIVE]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    disable_progress_bar()
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
