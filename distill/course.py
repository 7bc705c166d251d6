"""What decides a training run, checked against each other before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

import tracewright
from tracewright.distill.config import DEFAULT_SHARE, DistillConfig
from tracewright.distill.data import TrainingData, read_lessons
from tracewright.distill.student import StudentShape, check_head, choose_shape
from tracewright.distill.targets import LoadedTeacher, check_teacher, load_teacher
from tracewright.pipeline.release import Release, open_release
from tracewright.schemas import InputError, make_id


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

    @property
    def max_tokens(self) -> int:
        """Of an example."""
        return max(map(len, self.data.lessons))


def prepare_course(config: DistillConfig) -> Course:
    """Open the release, load the teacher, encode the lessons and choose the shape; nothing is trained or written.

    Raises:
        InputError: release, teacher and config don't fit each other.
        IntegrityError: the release is damaged.
    """
    release = open_release(config.release)
    if config.losses.output and config.losses.targets == "stored":
        release.logprobs("train")
        raise InputError(
            f"{release.manifest.name}@{release.manifest.version} carries stored logprobs, which this version does not "
            "learn from: set losses.targets to teacher and name the teacher"
        )
    teacher = load_teacher(config.teacher, weights=config.losses.output > 0)
    check_teacher(release, teacher, outputs=config.losses.output > 0)
    check_head(teacher.config)
    limit = int(teacher.config.max_position_embeddings)
    data = read_lessons(release, teacher.tokenizer, levels=config.levels, max_tokens=limit)
    shape = config.student.shape or choose_shape(teacher.config, config.student.share or DEFAULT_SHARE)
    return Course(config, release, teacher, data, shape, _identify(config, data.digest, teacher, shape))


def _identify(config: DistillConfig, digest: str, teacher: LoadedTeacher, shape: StudentShape) -> str:
    """What decides the weights: not where anything lies, nor how often the run is saved."""
    settings = config.model_dump(mode="json", include={"levels", "losses", "training"})
    del settings["training"]["checkpoint_every"]
    identity = teacher.identity
    version = tracewright.__version__
    return make_id("student", settings, shape.model_dump(), digest, identity.revision, identity.tokenizer_hash, version)
