"""When completions are given up early: a threshold calibrated on the run's first traces, and what it saves.

The first `warm_up` traces run to their end. The threshold is then the highest running confidence that would have let
`keep` of the correct ones through; from there on a completion that falls below it is ended. It is kept in the store, so
that a run that goes on later goes on with it.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tracewright.pipeline.config import EarlyStopConfig
from tracewright.pipeline.engines.base import Completion
from tracewright.pipeline.engines.running_confidence import EarlyStop, lowest_confidence
from tracewright.pipeline.store.disk import make_folder, write_durably

_FOLDER = "calibration"
_MAX_LENGTHS = 1_000
_ROUNDING = 1e-9
_MIN_CORRECT = 8
"""With fewer correct traces, all of the first ones stand for them: a share of two or three says nothing."""


@dataclass(frozen=True)
class StopCalibration:
    """What the first traces said."""

    config: dict[str, Any]
    threshold: float
    traces: int
    correct: int
    would_stop: float
    """The share of all the first traces that the threshold would have ended."""
    lengths: list[int]
    """Their tokens: from them it is told what a completion that was ended would have come to."""


@dataclass
class EarlyStopping:
    """The rule of one run, as far as it is known."""

    config: EarlyStopConfig
    path: Path
    """Where the calibration is kept."""
    rule: EarlyStop | None = None
    """None until there is a threshold."""
    _lengths: list[int] = field(default_factory=list[int])
    _pending: dict[int, tuple[float, int]] = field(default_factory=dict[int, tuple[float, int]])
    """By the number of their records: what waits for its score."""
    _seen: list[tuple[float, int, bool]] = field(default_factory=list[tuple[float, int, bool]])

    @classmethod
    def open(cls, config: EarlyStopConfig, store: Path, fingerprint: str) -> EarlyStopping:
        """The store's, with its threshold where it was calibrated by the same settings."""
        stopping = cls(config, store / _FOLDER / f"early_stop-{fingerprint}.json")
        if config.threshold is not None:
            stopping.rule = EarlyStop(config.window, config.threshold)
        if (known := _read(stopping.path)) is not None and known.config == config.model_dump():
            stopping.rule = EarlyStop(config.window, known.threshold)
            stopping._lengths = known.lengths
        return stopping

    def note(self, number: int, result: Completion) -> None:
        """Take a completion that ran to its end; its score comes later."""
        if len(self._lengths) < _MAX_LENGTHS:
            self._lengths.append(result.token_count)
        if self.rule is None and result.token_logprobs is not None:
            lowest = lowest_confidence(result.token_logprobs, result.top_logprobs, self.config.window)
            self._pending[number] = (math.inf if lowest is None else lowest, result.token_count)

    def note_score(self, number: int, is_correct: bool) -> None:
        """Take its score; the last of the first traces makes the threshold."""
        if (waiting := self._pending.pop(number, None)) is None or self.rule is not None:
            return
        self._seen.append((*waiting, is_correct))
        if len(self._seen) >= self.config.warm_up:
            self._calibrate()

    def tokens_saved(self, result: Completion) -> int:
        """About how many more tokens an ended completion would have had: the mean of those that became longer."""
        longer = [length for length in self._lengths if length > result.token_count]
        return round(sum(longer) / len(longer)) - result.token_count if longer else 0

    @property
    def request_rule(self) -> EarlyStop | None:
        """What requests are given: nothing where nothing would ever be ended."""
        return self.rule if self.rule is not None and math.isfinite(self.rule.threshold) else None

    def _calibrate(self) -> None:
        lows = [low for low, _, is_correct in self._seen if is_correct]
        if len(lows) < _MIN_CORRECT:
            lows = [low for low, _, _ in self._seen]
        # The lowest of those that are kept: `keep` of them are at or above it.
        kept = math.ceil(self.config.keep * len(lows) - _ROUNDING)
        threshold = float(np.sort(lows)[len(lows) - kept])
        if math.isinf(threshold):  # nearly all were shorter than the window: nothing is ever ended
            threshold = -math.inf
        self.rule = EarlyStop(self.config.window, threshold)
        found = StopCalibration(
            config=self.config.model_dump(),
            threshold=threshold,
            traces=len(self._seen),
            correct=sum(is_correct for *_, is_correct in self._seen),
            would_stop=sum(low < threshold for low, *_ in self._seen) / len(self._seen),
            lengths=self._lengths,
        )
        make_folder(self.path.parent)
        write_durably(self.path, json.dumps(asdict(found)).encode())


def _read(path: Path) -> StopCalibration | None:
    try:
        return StopCalibration(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
