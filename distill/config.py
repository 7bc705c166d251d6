"""The config of `tracewright distill`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tracewright.distill.ablation_config import AblationConfig
from tracewright.distill.loss_config import DEFAULT_WEIGHTS, TEXT_ONLY, LossConfig
from tracewright.distill.stage_config import Stage
from tracewright.distill.version_config import VersionsConfig
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


class LoraConfig(Frozen):
    """Low-rank adapters on a whole checkpoint (Hu et al. 2021, arXiv:2106.09685), by peft; merged at the end."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    """The adapters' product counts alpha / rank."""
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    """Names of the layers that get one."""


class StudentConfig(Frozen):
    """Where the student comes from: a share of the teacher's parameters, a shape, or a checkpoint."""

    share: float | None = Field(default=None, ge=MIN_SHARE, le=MAX_SHARE)
    """Of the teacher's parameters; the shape is computed from it. 0.067 where nothing is given."""
    shape: StudentShape | None = None
    """Sizes of your own, whatever their share."""
    checkpoint: ConfigPath | None = None
    """The folder of a model that is to learn on."""
    embeddings: Literal["random", "projected", "frozen"] = "random"
    """projected: the teacher's, on their main directions; frozen: the teacher's as they are, with a learned projection
    that is folded into them at the end."""
    layers: Literal["random", "cut"] = "random"
    """cut: evenly chosen layers of the teacher, their widths cut to the same directions."""
    lora: LoraConfig | None = None
    """For a checkpoint: train adapters, not the weights."""

    @model_validator(mode="after")
    def _check_one_of_them(self) -> Self:
        if self.shape is not None and self.share is not None:
            raise ValueError("share and shape both say how large the student is: leave one out")
        if self.checkpoint is not None and (self.shape or self.share or self.inherits):
            raise ValueError("a checkpoint has its sizes and weights: leave share, shape, embeddings and layers out")
        if self.lora is not None and self.checkpoint is None:
            raise ValueError("lora adapts a model that knows something: name its folder under checkpoint")
        if self.layers == "cut" and self.embeddings == "random":
            raise ValueError("cut layers read the teacher's embeddings: set embeddings to projected or frozen")
        return self

    @property
    def inherits(self) -> bool:
        """Whether the first weights come from the teacher's."""
        return self.embeddings != "random" or self.layers != "random"


class CurriculumConfig(Frozen):
    """Easy lessons first: the share of them that is drawn from grows with the training."""

    by: tuple[Literal["level", "length", "confidence"], ...] = ("level", "confidence")
    """What makes a lesson hard, the weightiest first: a high level, many tokens, a low confidence."""
    start: float = Field(default=0.3, gt=0.0, le=1.0)
    """The share of the lessons at the beginning."""
    full_at: float = Field(default=0.5, gt=0.0, le=1.0)
    """The fraction of the training after which all are drawn from."""


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
    accumulate: int = Field(default=1, ge=1)
    """Parts that a batch is learnt in, one after another: less memory, the same gradient."""
    packing: bool = False
    """Whether examples stand one after another in rows without padding, each seeing itself alone."""
    curriculum: CurriculumConfig | None = None
    tensorboard: bool = True
    """Whether the curves are written for TensorBoard too, to `logs/tensorboard` beside the student."""


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
    losses: LossConfig = LossConfig.of(**DEFAULT_WEIGHTS)
    training: TrainingConfig = TrainingConfig()
    stages: tuple[Stage, ...] = ()
    """One after another, each from the student before; the last one's is the result. `output`, `attention`, `trace` and
    `reward` are stages by their name. Without stages `losses` are learnt at once."""
    control: bool = False
    """Whether to train the same student on the text alone too, same steps and seed: what it lacks is what the other
    losses brought."""

    ablation: AblationConfig = AblationConfig()
    """What `--ablate` compares."""
    versions: VersionsConfig = VersionsConfig()
    """What the student is quantized and exported to once it is trained; all are compared in one table."""

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages {', '.join(names)}: two have the same name; give each one of its own")
        if names and self.stages[0].reward is not None and self.student.checkpoint is None:
            raise ValueError(
                "the first stage pays a student that knows nothing yet, so that nothing is paid: put a stage that "
                "learns from the release before it, or name a student under student.checkpoint"
            )
        return self

    @property
    def total_steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps or self.training.steps for stage in self.stages) or self.training.steps

    @property
    def as_control(self) -> DistillConfig:
        """The same student on the text alone."""
        return self.model_copy(update={"losses": TEXT_ONLY, "stages": ()})
