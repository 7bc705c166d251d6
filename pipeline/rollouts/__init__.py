"""Rollouts: what a step is worth, by continuing from it and counting how often that ends right."""

from tracewright.pipeline.rollouts.book import MIN_CONTINUATIONS, RolloutBook
from tracewright.pipeline.rollouts.run import RolloutCounts, RolloutPlan, roll_out
from tracewright.pipeline.rollouts.table import write_values

__all__ = ["MIN_CONTINUATIONS", "RolloutBook", "RolloutCounts", "RolloutPlan", "roll_out", "write_values"]
