"""What goes on inside the loaded teacher: its attention maps and hidden states over what it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tracewright.distill.batches import collate
from tracewright.distill.data import Lesson
from tracewright.distill.layer_map import map_layers
from tracewright.distill.loss_config import AttentionConfig, LossConfig
from tracewright.distill.losses.attention import cut_map, pool_heads, stretch_map
from tracewright.distill.targets import CACHE_LIMIT_BYTES, LoadedTeacher

_BATCH_SIZE = 32


@dataclass(frozen=True)
class Inside:
    """One lesson's, at the teacher's layers that are learnt from."""

    maps_M_K_K: torch.Tensor | None
    """Attention among the tokens of the student's window, heads pooled, rows summing to one."""
    hidden_M_N_H: torch.Tensor | None
    """States at the positions before the completion's tokens."""

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return sum(tensor.nbytes for tensor in (self.maps_M_K_K, self.hidden_M_N_H) if tensor is not None)


def choose_window(lesson: Lesson, config: AttentionConfig) -> tuple[int, int]:
    """First token and number of tokens of a student's example whose attention is compared."""
    if len(lesson.teacher_prompt) == len(lesson.example.prompt) or config.unequal == "interpolate":
        return 0, min(len(lesson), config.max_tokens)
    return len(lesson.example.prompt) - 1, min(len(lesson.example.completion), config.max_tokens)


def align_map(map_M_K_K: torch.Tensor, lesson: Lesson, config: AttentionConfig) -> torch.Tensor:
    """The teacher's maps over its own prompt and the completion, as those of the student's window."""
    start, length = choose_window(lesson, config)
    if len(lesson.teacher_prompt) == len(lesson.example.prompt):
        return cut_map(map_M_K_K, start, length)
    if config.unequal == "interpolate":
        return cut_map(stretch_map(map_M_K_K, len(lesson)), start, length)
    return cut_map(map_M_K_K, len(lesson.teacher_prompt) - 1, length)


@dataclass(frozen=True)
class LayerPairs:
    """Layers of the student and of the teacher, pair by pair."""

    attention: tuple[tuple[int, int], ...] = ()
    hidden: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, losses: LossConfig, student_layers: int, teacher_layers: int) -> LayerPairs:
        """Those of the losses that have a weight."""

        def pairs(weight: float, asked: tuple[tuple[int, int], ...] | None) -> tuple[tuple[int, int], ...]:
            return map_layers(student_layers, teacher_layers, asked) if weight else ()

        attention, hidden = losses.attention, losses.hidden
        return cls(pairs(attention.weight, attention.layers), pairs(hidden.weight, hidden.layers))

    def __bool__(self) -> bool:
        return bool(self.attention or self.hidden)


class TeacherInsides:
    """Maps and states lesson by lesson, each asked for once and kept where there is room.

    What is kept depends on the lessons' order alone, so that a resumed run learns from the same numbers.
    """

    def __init__(
        self,
        teacher: LoadedTeacher,
        pairs: LayerPairs,
        attention: AttentionConfig,
        *,
        cache_limit_bytes: int = CACHE_LIMIT_BYTES,
    ) -> None:
        self._teacher = teacher
        self._pairs = pairs
        self._attention = attention
        self._room = cache_limit_bytes
        self._kept: dict[Lesson, Inside] = {}
        if pairs.attention:
            teacher.model.set_attn_implementation("eager")

    def fill(self, lessons: Sequence[Lesson]) -> None:
        """Ask for all that fit, in batches of like length."""
        ordered = sorted(dict.fromkeys(lessons), key=len)
        for start in range(0, len(ordered), _BATCH_SIZE):
            batch = ordered[start : start + _BATCH_SIZE]
            found = self._ask(batch)
            self._room -= sum(inside.bytes for inside in found)
            if self._room < 0:
                return
            self._kept |= zip(batch, found, strict=True)

    def of(self, lessons: Sequence[Lesson]) -> list[Inside]:
        """Of a batch's lessons, in their order."""
        missing = [lesson for lesson in lessons if lesson not in self._kept]
        asked = dict(zip(missing, self._ask(missing), strict=True)) if missing else {}
        return [self._kept.get(lesson) or asked[lesson] for lesson in lessons]

    @torch.no_grad()
    def _ask(self, lessons: Sequence[Lesson]) -> list[Inside]:
        batch = collate([lesson.taught for lesson in lessons], pad_id=0)
        model, pairs = self._teacher.model, self._pairs
        given = model.base_model(
            input_ids=batch.tokens_B_L.to(model.device),
            output_attentions=bool(pairs.attention),
            output_hidden_states=bool(pairs.hidden),
        )
        maps = pool_heads(given.attentions, [layer for _, layer in pairs.attention]) if pairs.attention else None
        hidden = [given.hidden_states[layer + 1] for _, layer in pairs.hidden]
        return [self._cut(lesson, row, maps, hidden) for row, lesson in enumerate(lessons)]

    def _cut(self, lesson: Lesson, row: int, maps: torch.Tensor | None, hidden: list[torch.Tensor]) -> Inside:
        length, start = len(lesson.taught), len(lesson.teacher_prompt) - 1
        return Inside(
            None if maps is None else align_map(maps[row, :, :length, :length], lesson, self._attention),
            torch.stack([states[row, start : length - 1].float() for states in hidden]) if hidden else None,
        )
