"""What `tracewright distill CONFIG --ablate` compares."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from tracewright.pipeline.config import ConfigPath
from tracewright.schemas.base import Frozen


class Arm(StrEnum):
    """One way of training; each but `raw` is the one before with something added."""

    CONTROL = "control"
    """Plain fine-tuning on the released text."""
    OUTPUT = "output"
    """And the teacher's distributions."""
    ATTENTION = "attention"
    """And what happens inside it: attention maps, hidden states."""
    TRACE = "trace"
    """And the text weighted step by step."""
    REWARD = "reward"
    """And reinforcement learning, from the student before."""
    RAW = "raw"
    """The whole of it on a release that nobody curated, at as many steps."""


class AblationConfig(Frozen):
    """The comparison: the same steps and seeds for all, a learning rate for each chosen in the same way."""

    arms: tuple[Arm, ...] = (Arm.CONTROL, Arm.OUTPUT, Arm.ATTENTION, Arm.TRACE)
    seeds: int = Field(default=5, ge=2)
    """Students of each arm: seeds from 0."""
    learning_rates: tuple[float, ...] = Field(default=(0.005, 0.01), min_length=1)
    """Each arm takes the one whose student of another seed solves most problems that are not asked afterwards."""
    problems: int = Field(default=1000, ge=50)
    """Held-out ones that every student is asked, of the config's levels."""
    tuning_problems: int = Field(default=400, ge=50)
    """Held-out ones that learning rates are chosen on, none of them among the others."""
    raw_release: ConfigPath | None = None
    """For the arm `raw`."""
    workers: int = Field(default=2, ge=1)
    """Students that are trained side by side, each on one thread."""
