"""What the teacher says of a batch: its distributions, wherever they come from, its maps and its states."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tracewright.distill.course import Course
from tracewright.distill.data import Lesson
from tracewright.distill.insides import TeacherInsides
from tracewright.distill.learning import Taught
from tracewright.distill.loss_config import OutputConfig, Targets
from tracewright.distill.losses import SampledDistribution, Teaching
from tracewright.distill.stored import StoredDistributions, drawing_temperature, list_temperatures, read_table
from tracewright.distill.targets import TeacherLogits


class TeachingSource:
    """The teacher of a run; what it is asked for depends on the losses that have a weight."""

    def __init__(self, course: Course, device: torch.device) -> None:
        self._device = device
        config, lessons = course.config.losses, course.data.lessons
        self._output = config.output
        self._logits: TeacherLogits | None = None
        self._stored: StoredDistributions | None = None
        self._drawing = 1.0
        self._insides: TeacherInsides | None = None
        if config.output.weight and config.output.targets is Targets.TEACHER:
            self._logits = TeacherLogits(course.teacher, lessons)
        if config.output.weight and config.output.targets is Targets.SAMPLED:
            self._drawing = drawing_temperature(course.release)
        if config.output.weight and _needs_stored(config.output, self._drawing):
            table = read_table(course.release, config.output)
            self._stored = StoredDistributions(table, lessons, course.teacher.identity)
        if course.pairs:
            self._insides = TeacherInsides(course.teacher, course.pairs, config.attention)
            self._insides.fill(lessons)

    def of(self, lessons: Sequence[Lesson], fraction: float) -> Taught:
        """For some lessons, when this fraction of the training is done."""
        insides = self._insides.of(lessons) if self._insides else ()
        return Taught(self._teaching(lessons, fraction), insides)

    def _teaching(self, lessons: Sequence[Lesson], fraction: float) -> Teaching | None:
        output = self._output
        if not output.weight:
            return None
        if self._logits is not None:
            return self._logits.of(lessons)
        temperature = output.temperature * output.schedule.factor(fraction)
        if output.targets is Targets.SAMPLED and temperature == self._drawing:
            drawn = SampledDistribution.drawn([token for one in lessons for token in one.example.completion])
            return drawn.to(self._device)
        assert self._stored is not None  # noqa: S101
        if output.targets is Targets.SAMPLED:
            return self._stored.drawn(lessons, temperature, self._drawing).to(self._device)
        return self._stored.of(lessons, temperature).to(self._device)


def _needs_stored(output: OutputConfig, drawing: float) -> bool:
    if output.targets is Targets.SAMPLED:
        return set(list_temperatures(output)) != {drawing}
    return output.targets is Targets.STORED
