"""The stages of a distillation: one after another, each from the student that the one before left."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from tracewright.distill.loss_config import TEXT_ONLY, LossConfig, Targets
from tracewright.schemas.base import Frozen

_ANNEALED = {"temperature": "generation", "schedule": "annealed"}
PRESETS: dict[str, dict[str, Any]] = {
    "output": {"losses": {"output": {"weight": 1.0, **_ANNEALED}}},
    "attention": {"losses": {"output": {"weight": 0.5, **_ANNEALED}, "attention": 0.3}},
    "trace": {
        "losses": {
            "output": {"weight": 0.5, **_ANNEALED},
            "attention": 0.3,
            "trace": {"weight": 0.2, "confidence": True, "checks": True},
        }
    },
    "reward": {"reward": {}},
    "on-policy": {
        "on_policy": {},
        "losses": {"output": {"weight": 1.0, "divergence": "reverse_kl", "temperature": 1.0}},
        "learning_rate": 5e-4,  # at 0.003 a student that solved 67 % lost 5 points in 100 steps, at this none in 200
    },
}
"""What a stage is that is named and not described."""


class RewardConfig(Frozen):
    """Reinforcement learning: the student writes, and is paid for what is good about it. Each part is from 0 to 1."""

    method: Literal["grpo", "ppo"] = "grpo"
    """grpo: each text against the others of its problem (Shao et al. 2024, arXiv:2402.03300), by TRL; ppo: against a
    learned value, with clipping (Schulman et al. 2017, arXiv:1707.06347)."""
    answer: float = Field(default=1.0, ge=0.0)
    """For a verified answer."""
    steps: float = Field(default=0.3, ge=0.0)
    """Times the share of the checked steps that hold."""
    format: float = Field(default=0.1, ge=0.0)
    """For an answer that can be found, and an end."""
    length: float = Field(default=0.05, ge=0.0)
    """Times the share of the allowed tokens that were not needed, for a right answer alone."""
    group: int = Field(default=8, ge=2)
    """Texts of each problem."""
    problems: int = Field(default=8, ge=1)
    """Problems of each step."""
    max_tokens: int = Field(default=128, ge=1)
    """Of a text."""
    temperature: float = Field(default=1.0, gt=0.0)
    """Of sampling; nothing to do with a loss's."""
    clip: float = Field(default=0.2, gt=0.0)
    """How far a token's probability may move from what it was drawn with, as a ratio."""
    epochs: int = Field(default=2, ge=1)
    """Of ppo: passes over each step's texts."""
    learning_rate: float = Field(default=1e-4, gt=0.0)
    """AdamW's."""


class OnPolicyConfig(Frozen):
    """On-policy distillation: the student writes, the teacher scores each of its tokens (Agarwal et al. 2023,
    arXiv:2306.13649). The teacher runs in vLLM, and may be larger than what can be loaded beside the student."""

    problems: int = Field(default=16, ge=1)
    """Of each step."""
    max_tokens: int = Field(default=128, ge=1)
    temperature: float = Field(default=1.0, gt=0.0)
    """Of sampling."""
    likeliest: int = Field(default=64, ge=1)
    """Tokens of the teacher's distribution that are told apart at each place; all others are one outcome. Of a smaller
    vocabulary all are."""
    engine_args: dict[str, JsonValue] = {}
    """Further arguments of the teacher's engine, such as `gpu_memory_utilization`: the student needs memory too."""


class ConvergenceConfig(Frozen):
    """When a stage counts as converged."""

    tolerance: float = Field(default=0.05, gt=0.0)
    """The most that its loss may have fallen, relatively, between its last tenth and the tenth before."""
    required: bool = True
    """Whether a stage with trace terms is refused after one that has not; otherwise it is only warned of."""


def _read_stage(value: Any) -> Any:
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict) or value.get("name") not in PRESETS:
        return value
    known: dict[str, Any] = value
    return {**PRESETS[known["name"]], **known}


class StageConfig(Frozen):
    """One stage. `output`, `attention`, `trace`, `reward` and `on-policy` need no more than their name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    losses: LossConfig = TEXT_ONLY
    steps: int | None = Field(default=None, ge=1)
    """The training's own where left out."""
    learning_rate: float | None = Field(default=None, gt=0.0)
    reward: RewardConfig | None = None
    """Reinforcement learning instead of losses."""
    on_policy: OnPolicyConfig | None = None
    """The output loss on what the student writes, instead of on the release."""
    converged: ConvergenceConfig = ConvergenceConfig()
    """What the next stage asks of this one."""

    @model_validator(mode="after")
    def _check_one_of_them(self) -> Self:
        if self.reward is not None and self.on_policy is not None:
            raise ValueError("reward and on_policy are two ways to learn from own texts: make two stages of them")
        output = self.losses.output
        if self.on_policy is not None and (not output.weight or output.targets is not Targets.TEACHER):
            raise ValueError(
                f"the stage {self.name} has the teacher score what the student writes, but no output loss from the "
                "teacher itself: give it losses: {output: {divergence: reverse_kl}}"
            )
        if self.on_policy is not None and self.losses.total != output.weight:
            raise ValueError(
                f"the stage {self.name} learns from what the student writes, where the teacher has neither text nor "
                "maps: leave trace, attention and hidden out of its losses"
            )
        if self.reward is not None and self.losses != TEXT_ONLY:
            raise ValueError(
                f"the stage {self.name} is paid and has no use for losses: leave them out, or make a stage of its own "
                "of them"
            )
        return self

    @property
    def has_trace_terms(self) -> bool:
        """Whether it teaches or pays for single steps and answers."""
        return self.reward is not None or (self.on_policy is None and self.losses.trace.weight > 0)


Stage = Annotated[StageConfig, BeforeValidator(_read_stage)]
