"""Traces in a store → what a learned process reward model says of their steps: the `rewards` flow."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from tracewright.flows.interrupts import stop_on_interrupt
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.pipeline.confidence.reward_model import PoolingRewardModel, RewardModelSettings
from tracewright.pipeline.filter import Filter
from tracewright.pipeline.rewards import RewardCounts, reward_store
from tracewright.pipeline.store import Store


@flow(name="rewards", validate_parameters=False)
def rewards(path: Path, name: str, settings: RewardModelSettings, where: Filter | None = None) -> RewardCounts:
    """Score the steps that the model has not scored yet; run again, it finishes what is missing."""
    store = Store.open(path)
    with stop_on_interrupt(), show_progress() as progress, PoolingRewardModel(settings) as model:
        stage = StageProgress(progress, "rewards", None)
        counts = reward_store(
            store, model, name, lambda counts: stage.update(counts.traces, f"{counts.steps:,} steps"), where
        )
        stage.finish(counts.traces, f"{counts.steps:,} steps")
    return counts
