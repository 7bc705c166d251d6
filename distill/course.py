"""What decides a training run, checked against each other before anything is trained."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tracewright
from tracewright.distill.checkpoint import read_config
from tracewright.distill.config import DEFAULT_SHARE, DistillConfig
from tracewright.distill.data import TrainingData, read_lessons
from tracewright.distill.insides import LayerPairs
from tracewright.distill.loss_config import Targets
from tracewright.distill.stage_config import StageConfig
from tracewright.distill.stored import check_sampled, check_stored
from tracewright.distill.student import StudentShape, check_head, choose_shape
from tracewright.distill.targets import LoadedTeacher, check_teacher, load_teacher
from tracewright.pipeline.engines.checkpoint import identify_checkpoint
from tracewright.pipeline.release import Release, open_release
from tracewright.schemas import InputError, make_id


@dataclass(frozen=True)
class Part:
    """Which part of a whole training a run is: the temperature's schedule goes by the whole."""

    begin: float = 0.0
    end: float = 1.0

    def fraction(self, step: int, steps: int) -> float:
        """Of the whole training that is done before this step, counted from 1."""
        return self.begin + (self.end - self.begin) * (step - 1) / steps


WHOLE = Part()


@dataclass(frozen=True)
class Course:
    """Everything that decides a training run."""

    config: DistillConfig
    release: Release
    teacher: LoadedTeacher
    data: TrainingData
    shape: StudentShape
    run: str
    """Hash of all that decides the weights."""
    start: Path | None = None
    """The checkpoint that an earlier stage left."""
    part: Part = WHOLE
    stage: StageConfig | None = None
    """Where it is one of several."""
    warnings: tuple[str, ...] = ()
    """What is unusual about it, in words."""

    @property
    def stage_name(self) -> str:
        """Empty where it is the only one."""
        return self.stage.name if self.stage else ""

    @property
    def max_tokens(self) -> int:
        """Of an example."""
        return max(map(len, self.data.lessons))

    @property
    def pairs(self) -> LayerPairs:
        """The layers that learn from the teacher's."""
        return LayerPairs.of(self.config.losses, self.shape.layers, int(self.teacher.config.num_hidden_layers))


def prepare_course(
    config: DistillConfig, start: Path | None = None, part: Part = WHOLE, stage: StageConfig | None = None
) -> Course:
    """Open the release, load the teacher, encode the lessons and choose the shape; nothing is trained or written.

    Args:
        config: of the run.
        start: the checkpoint that an earlier stage left.
        part: of a whole training.
        stage: which of several it is.

    Raises:
        InputError: release, teacher and config don't fit each other.
        IntegrityError: the release is damaged.
    """
    losses = config.losses
    release = open_release(config.release)
    if losses.output.weight and losses.output.targets is Targets.STORED:
        check_stored(release, losses.output)
    if losses.output.weight and losses.output.targets is Targets.SAMPLED:
        check_sampled(release, losses.output)
    in_engine = stage is not None and stage.on_policy is not None
    inherits = config.student.inherits and start is None
    teacher = load_teacher(config.teacher, weights=inherits or (losses.needs_teacher and not in_engine))
    check_teacher(release, teacher, outputs=losses.needs_tokens)
    check_head(teacher.config)
    checkpoint = start or config.student.checkpoint
    shape, warnings = _read_shape(config, teacher, checkpoint)
    limit = int(teacher.config.max_position_embeddings)
    data = read_lessons(release, teacher.tokenizer, levels=config.levels, max_tokens=limit, trace=losses.trace)
    run = _identify(config, data.digest, teacher, shape, checkpoint, part, stage)
    return Course(config, release, teacher, data, shape, run, start, part, stage, warnings)


def _read_shape(
    config: DistillConfig, teacher: LoadedTeacher, checkpoint: Path | None
) -> tuple[StudentShape, tuple[str, ...]]:
    if checkpoint is None:
        return config.student.shape or choose_shape(teacher.config, config.student.share or DEFAULT_SHARE), ()
    sizes = read_config(checkpoint)
    identity = identify_checkpoint(str(checkpoint), None)
    if identity.tokenizer_hash != teacher.identity.tokenizer_hash:
        raise InputError(
            f"the student {checkpoint} has the tokenizer {identity.tokenizer_hash}, its teacher {teacher.name} has "
            f"{teacher.identity.tokenizer_hash}; expected the same one: distributions over other tokens can't be "
            "compared. Name a student of the teacher's family"
        )
    _check_sizes(sizes, checkpoint, teacher)
    kinds = str(sizes.get("model_type")), str(teacher.config.model_type)
    warnings = (
        f"the student is a {kinds[0]} model and its teacher a {kinds[1]}: maps and states of layers that do different "
        "things may be no good examples; losses of outputs and text are not concerned",
    )
    shape = StudentShape.model_construct(
        layers=sizes["num_hidden_layers"],
        hidden_size=sizes["hidden_size"],
        intermediate_size=sizes["intermediate_size"],
    )
    return shape, warnings if kinds[0] != kinds[1] else ()


def _check_sizes(sizes: dict[str, Any], checkpoint: Path, teacher: LoadedTeacher) -> None:
    missing = [name for name in ("num_hidden_layers", "hidden_size", "intermediate_size") if name not in sizes]
    if missing:
        raise InputError(
            f"{checkpoint / 'config.json'} has no {', '.join(missing)}, expected a decoder that writes text, Llama's "
            "or Qwen's for example: name another student"
        )
    if int(sizes.get("vocab_size", 0)) < teacher.vocabulary:
        raise InputError(
            f"the student {checkpoint} has {sizes.get('vocab_size', 0)} tokens, its tokenizer {teacher.vocabulary}; "
            "expected at least as many: name an intact checkpoint"
        )


def _identify(
    config: DistillConfig,
    digest: str,
    teacher: LoadedTeacher,
    shape: StudentShape,
    checkpoint: Path | None,
    part: Part,
    stage: StageConfig | None,
) -> str:
    """What decides the weights: not where anything lies, nor how often the run is saved."""
    settings: dict[str, Any] = config.model_dump(mode="json", include={"levels", "losses", "training"})
    del settings["training"]["checkpoint_every"], settings["training"]["tensorboard"]
    logprobs = config.losses.output.logprobs
    settings["losses"]["output"]["logprobs"] = hashlib.sha256(logprobs.read_bytes()).hexdigest() if logprobs else None
    student = config.student.model_dump(mode="json", include={"embeddings", "layers", "lora"})
    weights = hash_weights(checkpoint) if checkpoint else None
    identity = teacher.identity
    where = (part.begin, part.end) if config.losses.output.weight else None
    own = stage.model_dump(mode="json", include={"reward", "on_policy"}) if stage else None
    return make_id(
        "student",
        settings,
        student,
        weights,
        where,
        own if own and any(own.values()) else None,
        shape.model_dump(),
        digest,
        identity.revision,
        identity.tokenizer_hash,
        tracewright.__version__,
    )


def hash_weights(checkpoint: Path) -> str | None:
    """SHA-256 over a checkpoint's weight files in the order of their names; None where it has none."""
    files = sorted(checkpoint.glob("model*.safetensors"))
    if not files:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
