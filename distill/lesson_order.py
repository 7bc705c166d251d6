"""The order in which lessons are learnt: the same for the same seed, wherever a run is taken up."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from tracewright.distill.batches import batch_by_length
from tracewright.distill.config import CurriculumConfig, TrainingConfig
from tracewright.distill.data import Lesson

_WINDOW = 2048
"""Examples that are sorted by length together."""


def draw_batches(lessons: Sequence[Lesson], config: TrainingConfig, start: int) -> Iterator[list[Lesson]]:
    """Batches without end, each pass over the lessons in another order; the first `start` of them are passed over.

    With a curriculum a pass goes over the easiest lessons alone, more of them the further the training is.
    """
    total = config.steps * config.batch_size
    if config.curriculum is None:
        passes = _pass_over(lessons, config.seed)
    else:
        passes = _pass_with_curriculum(order_by_difficulty(lessons, config.curriculum), config, total)
    rng = random.Random(config.seed)  # noqa: S311 - reproducible, nothing secret
    return itertools.islice(batch_by_length(passes, batch_size=config.batch_size, window=_WINDOW, rng=rng), start, None)


def order_by_difficulty(lessons: Sequence[Lesson], config: CurriculumConfig) -> list[Lesson]:
    """Easy ones first; where a level or a confidence is not known, a lesson counts as hard in it."""

    def difficulty(lesson: Lesson) -> tuple[float, ...]:
        known = {
            "level": lesson.level if lesson.level is not None else float("inf"),
            "length": len(lesson.example.completion),
            "confidence": -lesson.confidence if lesson.confidence is not None else float("inf"),
        }
        return tuple(known[name] for name in config.by)

    return sorted(lessons, key=difficulty)


def _pass_over(lessons: Sequence[Lesson], seed: int) -> Iterator[Lesson]:
    for number in itertools.count():
        yield from _shuffle(lessons, f"{seed}/{number}")


def _pass_with_curriculum(ordered: Sequence[Lesson], config: TrainingConfig, total: int) -> Iterator[Lesson]:
    curriculum = config.curriculum or CurriculumConfig()
    drawn = 0
    for number in itertools.count():
        fraction = min(1.0, drawn / (total * curriculum.full_at))
        share = curriculum.start + (1 - curriculum.start) * fraction
        easy = ordered[: max(1, round(share * len(ordered)))]
        yield from _shuffle(easy, f"{config.seed}/{number}")
        drawn += len(easy)


def _shuffle(lessons: Sequence[Lesson], seed: str) -> list[Lesson]:
    order = list(lessons)
    random.Random(seed).shuffle(order)  # noqa: S311 - reproducible, nothing secret
    return order
