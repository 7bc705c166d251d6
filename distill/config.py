"""The config of `tracewright distill`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from tracewright.pipeline.config import ConfigPath, ModelName
from tracewright.schemas.base import Frozen

DEFAULT_SHARE = 0.067
MIN_SHARE, MAX_SHARE = 0.035, 0.072
"""The preset's range: what the method gives students of."""
HIDDEN_MULTIPLE = 32
INTERMEDIATE_MULTIPLE = 64
"""Kernels of quantized layers take weights in groups of so many."""


class StudentShape(Frozen):
    """The sizes that a student does not take over from its teacher."""

    layers: int = Field(ge=1)
    hidden_size: int = Field(ge=HIDDEN_MULTIPLE, multiple_of=HIDDEN_MULTIPLE)
    intermediate_size: int = Field(ge=INTERMEDIATE_MULTIPLE, multiple_of=INTERMEDIATE_MULTIPLE)


class StudentConfig(Frozen):
    """How large the student is: a share of the teacher's parameters, or a shape."""

    share: float | None = Field(default=None, ge=MIN_SHARE, le=MAX_SHARE)
    """Of the teacher's parameters; the shape is computed from it. 0.067 where neither is given."""
    shape: StudentShape | None = None
    """Sizes of your own, whatever their share."""

    @model_validator(mode="after")
    def _check_one_of_them(self) -> Self:
        if self.shape is not None and self.share is not None:
            raise ValueError("share and shape both say how large the student is: leave one out")
        return self


class Divergence(StrEnum):
    """How far the student's distribution is from the teacher's; `losses/divergences.py` has the formulas."""

    FORWARD_KL = "forward_kl"
    """The student covers all that the teacher does."""
    REVERSE_KL = "reverse_kl"
    """The student keeps to what the teacher does most."""
    JSD = "jsd"
    """Between the two, by `beta`."""


class LossConfig(Frozen):
    """What the student is taught by. Only the ratio of the weights matters: they are divided by their sum."""

    trace: float = Field(default=0.5, ge=0.0)
    """The cross-entropy of the released text."""
    output: float = Field(default=0.5, ge=0.0)
    """The divergence from the teacher's distributions; 0: the teacher's weights are not even loaded."""
    temperature: float = Field(default=2.0, gt=0.0)
    """Of the output loss. It is never the sampling temperature."""
    divergence: Divergence = Divergence.FORWARD_KL
    """Of the output loss: forward_kl, reverse_kl or jsd."""
    beta: float = Field(default=0.5, gt=0.0, lt=1.0)
    """Of jsd: the teacher's share of the mixture."""
    targets: Literal["teacher", "stored"] = "teacher"
    """Where the teacher's distributions come from: the loaded teacher, or the logprobs that the release carries."""

    @model_validator(mode="after")
    def _check_some_loss(self) -> Self:
        if self.trace + self.output == 0:
            raise ValueError("trace and output are both 0, so there is nothing to learn: give one of them a weight")
        return self

    @property
    def text_only(self) -> LossConfig:
        """The control's: without the output loss."""
        return LossConfig(trace=1.0, output=0.0)


class TrainingConfig(Frozen):
    """How the student is trained."""

    steps: int = Field(default=2400, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=0.01, gt=0.0)
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
        return self.model_copy(update={"losses": self.losses.text_only})
