"""The config of `tracewright distill`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tracewright.distill.losses import LossWeights
from tracewright.distill.student import MAX_SHARE, MIN_SHARE, StudentShape
from tracewright.pipeline.config import ConfigPath, ModelName
from tracewright.schemas.base import Frozen


class StudentConfig(Frozen):
    """How large the student is: a share of the teacher's parameters, or a shape."""

    share: float = Field(default=0.067, ge=MIN_SHARE, le=MAX_SHARE)
    """Of the teacher's parameters; the shape is computed from it."""
    shape: StudentShape | None = None
    """Sizes of your own, whatever their share."""

    @model_validator(mode="after")
    def _check_one_of_them(self) -> Self:
        if self.shape is not None and "share" in self.model_fields_set:
            raise ValueError("share and shape both say how large the student is: leave one out")
        return self


class LossConfig(LossWeights):
    """What the student is taught by."""

    targets: Literal["teacher", "stored"] = "teacher"
    """Where the teacher's distributions come from: the loaded teacher, or the logprobs that the release carries."""


class TrainingConfig(Frozen):
    """How the student is trained."""

    steps: int = Field(default=1200, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=0.02, gt=0.0)
    """Muon's, for the matrices inside the layers."""
    seed: int = Field(default=0, ge=0)
    """Decides the first weights and the order of the examples."""
    checkpoint_every: int = Field(default=200, ge=1)
    """Steps after which a killed run can go on."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads; all cores where left out. Another number of threads rounds differently and gives other weights."""


class DistillConfig(Frozen):
    """A release, the teacher that wrote it, and the student that is to learn from both."""

    release: ConfigPath
    """The folder of a release, for example ./releases/arithmetic-1."""
    out: ConfigPath
    """The folder that gets `student/`, and `control/` where one is asked for."""
    teacher: ModelName = "embedded"
    """The teacher's checkpoint: a folder, a hub name, or `embedded`."""
    levels: tuple[int, ...] | None = None
    """Only problems of these levels (for arithmetic, numbers of operators); all where left out."""
    student: StudentConfig = StudentConfig()
    losses: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig()
    control: bool = False
    """Whether to train the same student on the text alone too, same steps and seed: what it lacks is what the output
    loss brought."""

    @property
    def as_control(self) -> DistillConfig:
        """The same student without the output loss."""
        losses = LossConfig(**self.losses.text_only.model_dump())
        return self.model_copy(update={"losses": losses})
