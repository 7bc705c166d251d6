"""What a student is taught by: one entry a loss, each with its weight and its own settings."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tracewright.pipeline.config import ConfigPath
from tracewright.schemas.base import Frozen

TEMPERATURES = {"classification": 1.5, "generation": 2.0}
"""Presets of the output loss. With the annealed schedule, generation begins at 3.0."""
DEFAULT_WEIGHTS = {"output": 0.5, "attention": 0.3, "trace": 0.2}
"""Output : intermediate : trace."""


def _read_temperature(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in TEMPERATURES:
        raise ValueError(f"{value!r} is no temperature: give a number above 0, or one of {', '.join(TEMPERATURES)}")
    return TEMPERATURES[value]


Temperature = Annotated[float, BeforeValidator(_read_temperature), Field(gt=0.0)]
LayerPair = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
"""A layer of the student and the one of the teacher that it learns from, both counted from 0."""


class Divergence(StrEnum):
    """How far the student's distribution is from the teacher's; `losses/divergences.py` has the formulas."""

    FORWARD_KL = "forward_kl"
    """The student covers all that the teacher does."""
    REVERSE_KL = "reverse_kl"
    """The student keeps to what the teacher does most."""
    JSD = "jsd"
    """Between the two, by `beta`."""


class Targets(StrEnum):
    """Where the teacher's distributions come from."""

    TEACHER = "teacher"
    """The loaded teacher: every token's probability."""
    STORED = "stored"
    """The top-k logprobs that the release carries, and a bucket for the rest."""
    SAMPLED = "sampled"
    """The tokens that the teacher drew: an unbiased estimate of the forward KL, with more noise. Without stored
    logprobs at the temperature that they were drawn at alone. What a release leaves out is not estimated."""


class Schedule(StrEnum):
    """How the loss temperature moves, by the fraction of the training that is done."""

    CONSTANT = "constant"
    ANNEALED = "annealed"
    """× 1.5 in the first third, × 1 in the second, × 0.8 in the last."""

    def factor(self, fraction: float) -> float:
        """Of the temperature, when this fraction of all steps is done."""
        if self is Schedule.CONSTANT:
            return 1.0
        return 1.5 if fraction < 1 / 3 else 1.0 if fraction < 2 / 3 else 0.8

    @property
    def factors(self) -> tuple[float, ...]:
        """All that there are."""
        return (1.0,) if self is Schedule.CONSTANT else (1.5, 1.0, 0.8)


class OutputConfig(Frozen):
    """The divergence from the teacher's distribution of the next token."""

    weight: float = Field(default=1.0, ge=0.0)
    temperature: Temperature = TEMPERATURES["generation"]
    """Of the loss, never of sampling: a number, `classification` (1.5) or `generation` (2.0)."""
    schedule: Schedule = Schedule.CONSTANT
    divergence: Divergence = Divergence.FORWARD_KL
    beta: float = Field(default=0.5, gt=0.0, lt=1.0)
    """Of jsd: the teacher's share of the mixture."""
    targets: Targets = Targets.TEACHER
    logprobs: ConfigPath | None = None
    """Of stored targets, and of drawn ones at another temperature: a file that `tracewright teacher logprobs` made of
    the release; the release's own where left out."""

    @model_validator(mode="after")
    def _check_estimator(self) -> Self:
        if self.targets is Targets.SAMPLED and self.divergence is not Divergence.FORWARD_KL:
            raise ValueError(
                f"{self.divergence.value} can't be estimated without bias from tokens that the teacher drew: set "
                "divergence to forward_kl, or targets to teacher or stored"
            )
        return self


class AttentionConfig(Frozen):
    """The distance of the student's attention maps from the teacher's, heads pooled."""

    weight: float = Field(default=1.0, ge=0.0)
    layers: tuple[LayerPair, ...] | None = None
    """Pairs of a student's and a teacher's layer; the student's spread evenly over the teacher's where left out."""
    max_tokens: int = Field(default=256, ge=1)
    """Maps of the first so many tokens: their memory grows with the square of it."""
    unequal: Literal["completion", "interpolate"] = "completion"
    """Where the teacher's prompt has another length: compare what the completion looks at in itself, or stretch the
    teacher's map bilinearly."""


class HiddenConfig(Frozen):
    """The distance of the student's hidden states, through a learned projection, from the teacher's."""

    weight: float = Field(default=1.0, ge=0.0)
    layers: tuple[LayerPair, ...] | None = None
    """As for attention."""
    measure: Literal["cosine", "mse"] = "cosine"


class TraceConfig(Frozen):
    """The cross-entropy of the released text, weighted by what is known of each step."""

    weight: float = Field(default=1.0, ge=0.0)
    confidence: bool = False
    """Whether each step counts by its confidence."""
    checks: bool = False
    """Whether steps that a check or a reviewer found wrong are left out."""
    boundary: float = Field(default=1.0, ge=0.0)
    """How much the first token of each step counts, and what stands between steps."""
    format: float = Field(default=1.0, ge=0.0)
    """How much the line of the final answer and the end token count."""

    @property
    def by_step(self) -> bool:
        """Whether it looks at steps at all."""
        return self.confidence or self.checks or self.boundary != 1.0 or self.format != 1.0


def _read_weight(value: Any) -> Any:
    return {"weight": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


_OFF = {"weight": 0.0}


class LossConfig(Frozen):
    """What the student is taught by: losses that are not named are off. A number is a loss's weight.

    Only the ratio of the weights matters: they are divided by their sum.
    """

    output: Annotated[OutputConfig, BeforeValidator(_read_weight)] = OutputConfig.model_validate(_OFF)
    attention: Annotated[AttentionConfig, BeforeValidator(_read_weight)] = AttentionConfig.model_validate(_OFF)
    hidden: Annotated[HiddenConfig, BeforeValidator(_read_weight)] = HiddenConfig.model_validate(_OFF)
    trace: Annotated[TraceConfig, BeforeValidator(_read_weight)] = TraceConfig.model_validate(_OFF)

    @model_validator(mode="after")
    def _check_some_loss(self) -> Self:
        if self.total == 0:
            raise ValueError(
                "every loss has weight 0, so there is nothing to learn: give one of them a weight, for example "
                "losses: {output: 0.5, attention: 0.3, trace: 0.2}"
            )
        return self

    @property
    def total(self) -> float:
        """Of all weights."""
        return self.output.weight + self.attention.weight + self.hidden.weight + self.trace.weight

    @property
    def needs_teacher(self) -> bool:
        """Whether the teacher's own weights are asked while the student learns."""
        asks = self.output.weight > 0 and self.output.targets is Targets.TEACHER
        return asks or self.attention.weight > 0 or self.hidden.weight > 0

    @property
    def needs_tokens(self) -> bool:
        """Whether something is learnt that only the teacher that wrote the release can say."""
        return self.needs_teacher or self.output.weight > 0

    @classmethod
    def of(cls, **weights: float) -> LossConfig:
        """Losses by their weights alone."""
        return cls.model_validate(weights)


TEXT_ONLY = LossConfig.of(trace=1.0)
"""Plain fine-tuning on the released text: the control's."""
