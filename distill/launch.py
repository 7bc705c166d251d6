"""One student by several processes: `accelerate launch --use_fsdp -m tracewright.distill.launch CONFIG.yaml`.

They train what `tracewright distill CONFIG` would, in the same folders: either takes up what the other left. Sums are
rounded in another order than in one process, so that the weights are not the same bit for bit.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tracewright.distill.config import DistillConfig
from tracewright.distill.processes import join_processes
from tracewright.distill.progress import TrainingStep
from tracewright.distill.stages import run_training
from tracewright.pipeline.config import load_config
from tracewright.schemas import TracewrightError

_REPORT_STEPS = 10


def main() -> None:
    """Train the config's student, and its control where it asks for one."""
    if len(sys.argv) != 2:
        sys.exit("usage: accelerate launch --use_fsdp --num_processes N -m tracewright.distill.launch CONFIG.yaml")
    try:
        config = load_config(DistillConfig, Path(sys.argv[1]))
        arms = {"student": config} | ({"control": config.as_control} if config.control else {})
        for name, arm in arms.items():
            manifest = run_training(arm, config.out / name, tell)
            if join_processes().is_main:
                _say(f"{config.out / name}: {manifest.parameters:,} parameters, run {manifest.run}")
    except TracewrightError as error:
        sys.exit(str(error))


def tell(step: TrainingStep) -> None:
    """A line for people, every few steps."""
    if step.step % _REPORT_STEPS == 0 or step.step == step.total_steps:
        losses = ", ".join(f"{name} {value:.4f}" for name, value in step.losses.items())
        rate, left = f"{step.tokens_per_second:,.0f} tok/s", f"{step.seconds_left:,.0f} s left"
        _say(f"{step.step}/{step.total_steps} {losses}, {rate}, {left}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
