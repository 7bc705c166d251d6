"""The student before its first step: random, taken over from the teacher, or a checkpoint that learns on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tracewright.distill.config import LoraConfig
from tracewright.distill.inheritance import fold_embeddings, inherit_embeddings, inherit_layers
from tracewright.distill.loading import load_model
from tracewright.distill.student import build_student
from tracewright.schemas import InputError

if TYPE_CHECKING:
    from tracewright.distill.course import Course


@dataclass(frozen=True)
class Untrained:
    """A student, and how it becomes a plain checkpoint when it has learnt."""

    model: Any
    adapted: Any = None
    """peft's view of it, where adapters learn in its place."""

    def finish(self) -> Any:
        """The model with adapters merged and embeddings folded."""
        model = self.model if self.adapted is None else self.adapted.merge_and_unload()
        fold_embeddings(model)
        return model


def make_student(course: Course) -> Untrained:
    """The student that the config asks for, in float32.

    Raises:
        InputError: a checkpoint can't be loaded, or has no layers by the adapters' names.
    """
    config = course.config.student
    torch.manual_seed(course.config.training.seed)
    start = course.start or config.checkpoint
    if start is None:
        model = build_student(course.teacher.config, course.shape, course.config.training.seed)
        if config.embeddings != "random":
            inherit_embeddings(model, course.teacher.model, freeze=config.embeddings == "frozen")
        if config.layers == "cut":
            inherit_layers(model, course.teacher.model)
        return Untrained(model)
    model = load_model(start, dtype=torch.float32)
    return _adapt(model, config.lora) if config.lora else Untrained(model)


def _adapt(model: Any, config: LoraConfig) -> Untrained:
    from peft import LoraConfig as PeftConfig
    from peft import get_peft_model

    settings = PeftConfig(r=config.rank, lora_alpha=config.alpha, target_modules=list(config.targets), bias="none")  # pyright: ignore[reportCallIssue]
    try:
        adapted = get_peft_model(model, settings)
    except ValueError as error:
        raise InputError(
            f"no layer of a {model.config.model_type} model is called any of {', '.join(config.targets)}: name its "
            "layers under student.lora.targets"
        ) from error
    return Untrained(adapted.get_base_model(), adapted)
