"""Asking a teacher for every trace that a store does not hold yet.

A completion goes to the journal the moment it leaves the engine; scoring and the store come after it. So a kill costs
what was still inside the engine, and the same call finishes the rest: traces are known by ids derived from content.

Names are imported when they are first asked for: a process that only scores loads neither the store nor the engines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracewright.pipeline.generation.alert import Alert, send_alert
    from tracewright.pipeline.generation.config_run import run_config
    from tracewright.pipeline.generation.counts import GenerationCounts
    from tracewright.pipeline.generation.difficulty import measure_difficulty, write_difficulty
    from tracewright.pipeline.generation.partition import Partition
    from tracewright.pipeline.generation.run import generate_missing
    from tracewright.pipeline.generation.summary import read_summary, summarize, write_summary
    from tracewright.pipeline.generation.survey import Survey, survey_missing
    from tracewright.pipeline.generation.teaching import Teaching, choose_calibration, make_teaching

_PLACES = {
    "Alert": "alert",
    "GenerationCounts": "counts",
    "Partition": "partition",
    "Survey": "survey",
    "Teaching": "teaching",
    "choose_calibration": "teaching",
    "generate_missing": "run",
    "make_teaching": "teaching",
    "measure_difficulty": "difficulty",
    "read_summary": "summary",
    "run_config": "config_run",
    "send_alert": "alert",
    "summarize": "summary",
    "survey_missing": "survey",
    "write_difficulty": "difficulty",
    "write_summary": "summary",
}
"""In which module each name is."""

__all__ = [
    "Alert",
    "GenerationCounts",
    "Partition",
    "Survey",
    "Teaching",
    "choose_calibration",
    "generate_missing",
    "make_teaching",
    "measure_difficulty",
    "read_summary",
    "run_config",
    "send_alert",
    "summarize",
    "survey_missing",
    "write_difficulty",
    "write_summary",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
