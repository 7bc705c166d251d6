"""What is written beside a student: what it was made from, and how its training went."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from tracewright.distill.config import LossConfig, StudentConfig, StudentShape, TrainingConfig
from tracewright.distill.stage_config import StageConfig
from tracewright.schemas import IntegrityError
from tracewright.schemas.base import Frozen

MANIFEST = "student.json"
"""Written last: a folder that holds it holds a finished student."""
FORMAT = "tracewright-student/1"


class TrainingManifest(Frozen):
    """Where a student comes from. The same `run` on the same machine gives the same weights."""

    format: Literal["tracewright-student/1"]
    run: str
    """Hash of everything below down to `code_version`."""
    release: str
    """NAME@VERSION."""
    release_digest: str
    teacher: str
    teacher_revision: str
    tokenizer_hash: str
    levels: tuple[int, ...] | None
    student: StudentConfig
    losses: LossConfig
    training: TrainingConfig
    stage: StageConfig | None = None
    """Where it is one of several."""
    code_version: str
    code_sha256: str = ""
    """Of the source files that training runs."""
    warnings: tuple[str, ...] = ()
    """What was unusual about it."""
    shape: StudentShape
    parameters: int
    teacher_parameters: int
    licenses: tuple[str, ...]
    """Of the release's rows, SPDX identifiers."""
    examples: int
    learnt_tokens: int
    """Positions that one pass over the examples learns."""
    left_out: dict[str, int]
    """Rows of the release that were not learnt, by reason."""
    torch_version: str
    device: str = "cpu"
    processes: int = 1
    """That trained it together."""
    weights_sha256: str
    final_losses: dict[str, float]
    """Means over the last steps."""
    tokens: int
    """Read in training, prompts too, padding not."""
    seconds: float
    """Of training, interruptions not counted."""
    predicted_memory_bytes: int = 0
    """What the training was expected to take beside the libraries."""
    added_memory_bytes: int = 0
    """What it took beside them."""
    peak_memory_bytes: int = 0
    """The process's largest resident set; on a GPU, the most that was allocated there."""


def read_training_manifest(checkpoint: Path) -> TrainingManifest | None:
    """The manifest beside a student; None where there is no finished one.

    Raises:
        IntegrityError: there is one, and it can't be read.
    """
    path = checkpoint / MANIFEST
    if not path.exists():
        return None
    try:
        return TrainingManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise IntegrityError(
            f"{path} is not a student's manifest ({summarize(error)}): take an intact copy of "
            f"{checkpoint}, or train again"
        ) from error


def write_whole(path: Path, content: BaseModel) -> None:
    """Write JSON aside and rename it: after a crash the file is there whole, or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    aside.write_text(content.model_dump_json(indent=2) + "\n")
    aside.replace(path)


def summarize(error: ValidationError) -> str:
    """The first of a file's faults, in one line."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
