"""A training's own process. Started by `training_process`, never imported by it.

One line of JSON on stdin says what to train; on stdout come the training's steps and then its end, line by line.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from tracewright.pipeline.engines.lifeline import end_group_with_parent
from tracewright.schemas import TracewrightError

_MAX_REPORTS_PER_SECOND = 5.0


def main() -> None:
    """Train what the first line of stdin asks for; ends with the parent."""
    end_group_with_parent(int(sys.argv[1]))
    results = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    task = json.loads(sys.stdin.readline())
    try:
        manifest = _train(task, results)
    except TracewrightError as error:
        _write(results, {"error": type(error).__name__, "message": str(error)})
        sys.exit(1)
    _write(results, {"manifest": manifest})


def _train(task: dict[str, Any], results: TextIO) -> dict[str, Any]:
    import time

    from transformers.utils import logging

    from tracewright.distill.config import DistillConfig
    from tracewright.distill.progress import TrainingStep
    from tracewright.distill.stages import run_training

    logging.disable_progress_bar()
    next_report = 0.0

    def report(step: TrainingStep) -> None:
        nonlocal next_report
        if time.monotonic() >= next_report or step.step == step.total_steps:
            next_report = time.monotonic() + 1 / _MAX_REPORTS_PER_SECOND
            _write(results, {"step": asdict(step)})

    config = DistillConfig.model_validate(task["config"])
    return run_training(config, Path(task["out"]), report).model_dump(mode="json")


def _write(results: TextIO, message: dict[str, Any]) -> None:
    results.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    main()
