"""The traces that a quantization is calibrated on, and others that it is judged on."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from tracewright.distill.batches import Example
from tracewright.distill.data import read_lessons
from tracewright.distill.manifest import read_training_manifest
from tracewright.pipeline.release import Release
from tracewright.schemas import InputError

_TRACES = 384
_MAX_TOKENS = 32_768
"""Of all calibration traces together; their activations are in memory at the same time, one layer's at a time."""
_JUDGED_TRACES = 128
_MIN_TRACES = 32
_SEED = 0


@dataclass(frozen=True)
class CalibrationData:
    """Examples for calibration, and others, at least one, to judge it."""

    calibration: tuple[Example, ...]
    judged: tuple[Example, ...]

    @property
    def tokens(self) -> int:
        """That layers are calibrated on, prompts too."""
        return sum(map(len, self.calibration))


def choose_traces(
    release: Release, tokenizer: PreTrainedTokenizerBase, checkpoint: Path, max_tokens: int
) -> CalibrationData:
    """Traces of the training split, of the levels that the student was trained on where its manifest says so.

    Raises:
        InputError: there are too few.
    """
    manifest = read_training_manifest(checkpoint)
    data = read_lessons(release, tokenizer, levels=manifest and manifest.levels, max_tokens=max_tokens)
    examples = [lesson.example for lesson in data.lessons]
    if len(examples) < _MIN_TRACES:
        raise InputError(
            f"{release.manifest.name}@{release.manifest.version} has {len(examples)} traces to calibrate on, expected "
            f"at least {_MIN_TRACES}: use a larger release"
        )
    random.Random(_SEED).shuffle(examples)  # noqa: S311 - reproducible, nothing secret
    judged = examples[: min(_JUDGED_TRACES, len(examples) // 4)]
    calibration: list[Example] = []
    for example in examples[len(judged) :][:_TRACES]:
        if calibration and sum(map(len, calibration)) + len(example) > _MAX_TOKENS:
            break
        calibration.append(example)
    return CalibrationData(tuple(calibration), tuple(judged))


def stack_by_length(examples: Sequence[Example]) -> list[tuple[torch.Tensor, list[Example]]]:
    """B × L tokens of examples of equal length: without padding, every position counts."""
    groups: defaultdict[int, list[Example]] = defaultdict(list)
    for example in examples:
        groups[len(example)].append(example)
    return [
        (torch.tensor([[*one.prompt, *one.completion] for one in group]), group) for _, group in sorted(groups.items())
    ]
