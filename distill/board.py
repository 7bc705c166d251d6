"""Curves for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

BOARDS = Path("logs") / "tensorboard"
"""Beside the students' folders: `tensorboard --logdir OUT/logs/tensorboard` shows all of them."""


class Board:
    """One run's event file; a resumed run's curves go on where it was taken up."""

    def __init__(self, out: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(out.parent / BOARDS / out.name), purge_step=step + 1 if step else None)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve, on disk at once."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()
