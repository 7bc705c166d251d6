"""The config of `tracewright generate`."""

from __future__ import annotations

from tracewright.pipeline.config.paths import ConfigPath
from tracewright.pipeline.config.problems import ProblemsConfig
from tracewright.pipeline.config.teacher import TeacherConfig
from tracewright.schemas.base import Frozen


class GenerateConfig(Frozen):
    """Problems, the teacher that is asked, and the store that its traces go to."""

    problems: ProblemsConfig
    """Where the problems come from, for example {path: problems.jsonl}."""
    teacher: TeacherConfig
    """Which model is asked, for example {engine: embedded}."""
    store: ConfigPath
    """The folder of the store, for example ./store."""
