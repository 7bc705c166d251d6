"""A training run's losses as lines of JSON beside the student."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tracewright.distill.board import Board
from tracewright.distill.progress import TrainingStep
from tracewright.schemas.base import Frozen

LOSSES = "losses.jsonl"
_RECORD_STEPS = 10


class LossRecord(Frozen):
    """One line of `losses.jsonl`: means over the steps since the line before."""

    step: int
    losses: dict[str, float]
    """By part, before weighting: `trace`, `output`."""
    learning_rate: float
    tokens_per_second: float


class LossCurve:
    """`losses.jsonl`, a line every few steps; what a killed run wrote after its last saved state is cut off."""

    def __init__(self, out: Path, step: int, *, board: bool = False, write: bool = True) -> None:
        """`write`: of several processes one writes."""
        self._path = out / LOSSES if write else None
        kept = [record for record in read_losses(out) if record.step <= step]
        if self._path is not None:
            self._path.write_text("".join(f"{record.model_dump_json()}\n" for record in kept))
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._steps = 0
        self._board = Board(out, step) if board and write else None
        self._last = kept[-1].losses if kept else {}

    def add(self, now: TrainingStep) -> None:
        """Take in one step's losses; every few steps a line is written."""
        for name, value in now.losses.items():
            self._sums[name] += value
        self._steps += 1
        if now.step % _RECORD_STEPS == 0:
            means, rate, speed = self.close(), now.learning_rate, now.tokens_per_second
            record = LossRecord(step=now.step, losses=means, learning_rate=rate, tokens_per_second=round(speed, 1))
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(record.model_dump_json() + "\n")
            if self._board is not None:
                others = {"learning rate": rate, "tokens/s": speed, "memory, MiB": now.memory_bytes / 2**20}
                temperature = {} if now.temperature is None else {"temperature": now.temperature}
                self._board.add(now.step, means | others | temperature)

    def close(self) -> dict[str, float]:
        """The means since the last line, or that line's own."""
        if self._steps:
            self._last = {name: value / self._steps for name, value in self._sums.items()}
            self._sums.clear()
            self._steps = 0
        return self._last


def read_losses(checkpoint: Path) -> tuple[LossRecord, ...]:
    """The loss curve beside a student, in the order of its steps."""
    path = checkpoint / LOSSES
    return tuple(_read_lines(path)) if path.exists() else ()


def _read_lines(path: Path) -> Iterator[LossRecord]:
    for line in path.read_text().splitlines():
        try:
            yield LossRecord.model_validate_json(line)
        except ValueError:  # the line that a killed run was writing
            return
