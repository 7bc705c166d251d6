"""The loaded teacher: whether it is the one that wrote a release, and its distributions over what it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from tracewright.distill.batches import IGNORED, collate
from tracewright.distill.data import Lesson
from tracewright.distill.loading import load_config, load_model, load_tokenizer
from tracewright.distill.losses import HiddenDistribution, WholeDistribution
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.checkpoint import CheckpointIdentity, identify_checkpoint
from tracewright.pipeline.release import Release
from tracewright.schemas import InputError

EMBEDDED = "embedded"
"""The name by which a config asks for the teacher that ships."""
CACHE_LIMIT_BYTES = 512 * 2**20
"""Of logits kept for all epochs. A vocabulary of 28 needs 17 MB for 150,000 tokens; one of 150,000 is never kept."""
_BATCH_SIZE = 64


@dataclass(frozen=True)
class LoadedTeacher:
    """A teacher's weights and tokenizer, ready to be asked for distributions."""

    name: str
    config: Any
    model: Any
    """None where only its shape and its tokenizer are needed."""
    tokenizer: PreTrainedTokenizerBase
    identity: CheckpointIdentity

    @property
    def vocabulary(self) -> int:
        """The number of real tokens: a model's logits may be padded beyond it."""
        return len(self.tokenizer)


def load_teacher(name: str, *, weights: bool = True) -> LoadedTeacher:
    """Load a checkpoint folder, a hub name, or `embedded`; only safetensors are read and no code in it runs.

    Raises:
        MissingInputError: the folder is no checkpoint.
        InputError: it can't be loaded.
    """
    source = str(embedded.checkpoint_path()) if name == EMBEDDED else name
    identity = identify_checkpoint(source, None)
    config = load_config(source)
    model = load_model(source, dtype="auto") if weights else None
    tokenizer = load_tokenizer(source)
    return LoadedTeacher(name, config, model and model.eval().requires_grad_(False), tokenizer, identity)


def check_teacher(release: Release, teacher: LoadedTeacher, *, outputs: bool) -> None:
    """Refuse a release that this teacher did not write, where its outputs are to be learnt.

    Text alone can be learnt from any teacher whose text the tokenizer can write; distributions only from the one that
    wrote it, over the same tokens.

    Raises:
        InputError: the tokenizer or the weights are others than those of the release's teachers.
    """
    if not outputs:
        return
    known = [share.teacher for share in release.manifest.teachers]
    name = f"{release.manifest.name}@{release.manifest.version}"
    advice = "name its teacher under `teacher`, or set losses to {trace: 1} to learn from the text alone"
    if any(one.tokenizer_hash != teacher.identity.tokenizer_hash for one in known):
        raise InputError(
            f"{name} was written with the tokenizer {'; '.join(sorted({one.tokenizer_hash for one in known}))}, "
            f"{teacher.name} has {teacher.identity.tokenizer_hash}: its distributions are over other tokens; {advice}"
        )
    if teacher.identity.revision not in {one.revision for one in known}:
        raise InputError(
            f"{name} was written by {'; '.join(sorted(f'{one.model} at {one.revision}' for one in known))}, "
            f"{teacher.name} is at {teacher.identity.revision}: {advice}"
        )


class TeacherLogits:
    """The teacher's logits over the learnt positions of lessons: kept where they fit, else asked for each batch anew.

    Either way they depend on the lessons' order alone, so that a resumed run gets the same ones.
    """

    def __init__(
        self, teacher: LoadedTeacher, lessons: Sequence[Lesson], *, cache_limit_bytes: int = CACHE_LIMIT_BYTES
    ) -> None:
        self._teacher = teacher
        size = sum(len(lesson.example.completion) for lesson in lessons) * teacher.vocabulary * 4
        self._kept: dict[Lesson, torch.Tensor] = self._ask_all(lessons) if size <= cache_limit_bytes else {}

    def of(self, lessons: Sequence[Lesson]) -> WholeDistribution | HiddenDistribution:
        """The distributions at a batch's learnt positions, example after example, over the real tokens alone."""
        if not self._kept:
            return self.ask(lessons)
        return WholeDistribution(torch.cat([self._kept[lesson] for lesson in lessons]))

    def _ask_all(self, lessons: Sequence[Lesson]) -> dict[Lesson, torch.Tensor]:
        ordered = sorted(dict.fromkeys(lessons), key=len)
        kept: dict[Lesson, torch.Tensor] = {}
        for start in range(0, len(ordered), _BATCH_SIZE):
            batch = ordered[start : start + _BATCH_SIZE]
            kept |= zip(batch, self._ask(batch), strict=True)
        return kept

    @torch.no_grad()
    def ask(self, lessons: Sequence[Lesson]) -> HiddenDistribution:
        """Without logits: at a large vocabulary those of a batch would not fit."""
        batch = collate([lesson.taught for lesson in lessons], pad_id=0)
        model = self._teacher.model
        hidden_B_L_H = model.base_model(input_ids=batch.tokens_B_L.to(model.device)).last_hidden_state
        learnt_B_L = batch.labels_B_L[:, 1:] != IGNORED
        head_V_H = model.get_output_embeddings().weight[: self._teacher.vocabulary]
        return HiddenDistribution(hidden_B_L_H[:, :-1][learnt_B_L.to(model.device)], head_V_H)

    @torch.no_grad()
    def _ask(self, lessons: Sequence[Lesson]) -> list[torch.Tensor]:
        batch = collate([lesson.taught for lesson in lessons], pad_id=0)
        model = self._teacher.model
        logits_B_L_V = model(input_ids=batch.tokens_B_L.to(model.device)).logits
        learnt_B_L = (batch.labels_B_L[:, 1:] != IGNORED).to(model.device)
        return [
            logits_L_V[:-1][learnt_L, : self._teacher.vocabulary].float()
            for logits_L_V, learnt_L in zip(logits_B_L_V, learnt_B_L, strict=True)
        ]
