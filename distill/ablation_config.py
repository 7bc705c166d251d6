"""What `tracewright distill CONFIG --ablate` compares."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

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
    """And reinforcement learning at the end, within as many steps."""
    RAW = "raw"
    """All of it but reinforcement learning on a release that nobody curated, at as many tokens."""


class AblationConfig(Frozen):
    """The comparison: the same steps and seeds for all, a learning rate for each chosen in the same way."""

    arms: tuple[Arm, ...] = (Arm.CONTROL, Arm.OUTPUT, Arm.ATTENTION, Arm.TRACE, Arm.REWARD)
    """`raw` is one of them wherever `raw_release` is given. What an arm adds is as `losses` and `stages` have it, or a
    default where they have none of it."""
    seeds: int = Field(default=5, ge=2)
    """Students of each arm: seeds from 0."""
    learning_rates: tuple[float, ...] = Field(default=(0.005, 0.01), min_length=1)
    """Each arm takes the one whose student of another seed solves most problems that are not asked afterwards."""
    problems: int = Field(default=1000, ge=50)
    """Held-out ones that every student is asked, of the config's levels."""
    tuning_problems: int = Field(default=400, ge=50)
    """Held-out ones that learning rates are chosen on, none of them among the others."""
    raw_release: ConfigPath | None = None
    """For the arm `raw`: a release of the same store without the curation."""
    reward_steps: int = Field(default=50, ge=1)
    """Of the arm `reward`: the last ones of its steps, where the config has no reward stage that says how many."""
    workers: int = Field(default=2, ge=1)
    """Students that are trained side by side, each on one thread."""

    @model_validator(mode="after")
    def _order_arms(self) -> Self:
        wanted = {*self.arms, *((Arm.RAW,) if self.raw_release is not None else ())}
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"arms {', '.join(self.arms)}: one is named twice; name each once")
        if not wanted - {Arm.REWARD, Arm.RAW}:
            raise ValueError(
                f"arms {', '.join(self.arms) or '(none)'}: nothing to compare with; name control, output, attention or "
                "trace too"
            )
        object.__setattr__(self, "arms", tuple(arm for arm in Arm if arm in wanted))
        return self
