"""The config of `tracewright generate`."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from tracewright.pipeline.config.paths import StorePath
from tracewright.pipeline.config.problems import ProblemsConfig
from tracewright.pipeline.config.spending import AlertConfig, BudgetConfig
from tracewright.pipeline.config.teacher import PriceConfig, TeacherConfig
from tracewright.schemas.base import Frozen


class GenerateConfig(Frozen):
    """Problems, the teacher that is asked, and the store that its traces go to."""

    problems: ProblemsConfig
    """Where the problems come from, for example {path: problems.jsonl}."""
    teacher: TeacherConfig
    """Which model is asked, for example {engine: embedded}."""
    store: StorePath
    """The folder of the store, for example ./store, or s3://BUCKET/PREFIX."""
    budget: BudgetConfig = BudgetConfig()
    """Where a run ends before all is done, for example {tokens: 1000000}."""
    alert: AlertConfig | None = None
    """Who is told when too much fails, for example {webhook: "https://example.org/hook"}."""

    @model_validator(mode="after")
    def _check_cost_is_known(self) -> Self:
        if self.budget.cost is not None and self.teacher.price == PriceConfig():
            raise ValueError("budget.cost needs teacher.price, for example {tokens: 2.50} for a million tokens")
        return self
