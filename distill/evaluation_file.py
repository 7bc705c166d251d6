"""An evaluation beside its checkpoint, so that what was asked once is not asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tracewright.distill.evaluation import Answered, Evaluation
from tracewright.distill.manifest import write_whole
from tracewright.pipeline.engines.checkpoint import identify_checkpoint
from tracewright.pipeline.engines.vllm_engine import VllmSettings
from tracewright.pipeline.verify import VERIFIER_VERSION
from tracewright.schemas import Problem, make_id
from tracewright.schemas.base import Frozen

EVALUATION = "evaluation.json"


class _Answer(Frozen):
    text: str
    correct: bool
    tokens: int
    seconds: float
    finished: bool


class _StoredEvaluation(Frozen):
    format: Literal["tracewright-evaluation/1"]
    key: str
    seconds: float
    answers: tuple[_Answer, ...]


def evaluation_key(settings: VllmSettings, problems: list[Problem], samples: int) -> str:
    """A hash of what decides the answers: the weights, the template, the problems, the way of asking and judging."""
    identity = identify_checkpoint(settings.model, None)
    asked = [problem.content_id for problem in problems]
    drawn = settings.sampling.model_dump() if samples > 1 else None
    return make_id("evaluation", vars(identity), asked, samples, settings.max_tokens, drawn, VERIFIER_VERSION)


def load_evaluation(checkpoint: Path, key: str, problems: list[Problem], samples: int) -> Evaluation | None:
    """The stored answers to these problems; None where they are of something else, or can't be read."""
    path = checkpoint / EVALUATION
    if not path.exists():
        return None
    try:
        stored = _StoredEvaluation.model_validate_json(path.read_bytes())
    except ValidationError:
        return None
    if stored.key != key or len(stored.answers) != len(problems) * samples:
        return None
    answers = zip((p for p in problems for _ in range(samples)), stored.answers, strict=True)
    return Evaluation(tuple(Answered(problem, **vars(answer)) for problem, answer in answers), stored.seconds)


def save_evaluation(checkpoint: Path, key: str, evaluation: Evaluation) -> None:
    """Keep the answers in the checkpoint's folder."""
    fields = tuple(_Answer.model_fields)
    answers = tuple(_Answer.model_validate({name: getattr(a, name) for name in fields}) for a in evaluation.answers)
    stored = _StoredEvaluation(
        format="tracewright-evaluation/1", key=key, seconds=round(evaluation.seconds, 3), answers=answers
    )
    write_whole(checkpoint / EVALUATION, stored)
