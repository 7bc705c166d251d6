"""Problems → traces on a Ray cluster: the `generate` flow in partitions, one engine a GPU, or a machine without one.

Every partition is a Prefect task on a worker, with an engine and a writer of its own. A worker that is lost has its
partition made again elsewhere: what it had stored is there, and nothing is made twice. The config's files, and the
store, have to be where every worker sees them: a shared folder, or S3 for the store.
"""

from __future__ import annotations

import logging
import os
from dataclasses import fields
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect_ray import RayTaskRunner
from prefect_ray.context import remote_options

from tracewright.flows.devices import count_devices, lease_for_teacher
from tracewright.flows.generate import describe, engine_died, publish_counts
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.pipeline.config import BudgetConfig, GenerateConfig
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import GenerationCounts, Partition, write_difficulty, write_summary
from tracewright.pipeline.generation.config_run import run_config
from tracewright.pipeline.sources import count_problems
from tracewright.pipeline.store import Store

ADDRESS = "RAY_ADDRESS"
"""Of a cluster that is there; without it, one is started on this machine for the run."""
_PARTITIONS_PER_ENGINE = 2
"""A lost machine's part of the work is shared by those that are left."""
_OBJECT_STORE_BYTES = 128 * 2**20
"""Of a cluster on this machine: what goes through it is configs and counts."""
_NOT_ADDED = ("seconds", "last_failure", "stopped")


def generate_on_ray(config: GenerateConfig, retry_failed: bool = False) -> GenerationCounts:
    """Make what the store lacks, on the cluster that RAY_ADDRESS names."""
    started: dict[str, Any] = {"object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False}
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    runner: Any = RayTaskRunner(init_kwargs={**quiet, **({} if os.environ.get(ADDRESS) else started)})
    return generate.with_options(task_runner=runner)(config, retry_failed)


@flow(name="generate", validate_parameters=False)
def generate(config: GenerateConfig, retry_failed: bool) -> GenerationCounts:
    """Every partition on a worker; run again, it finishes what is missing, whatever the number of workers is then."""
    wanted = count_problems(config.problems)
    store = Store.open(config.store, create=True)
    engines, options = plan(config)
    count = engines * _PARTITIONS_PER_ENGINE
    share = config.model_copy(update={"budget": divide(config.budget, count)})
    total = GenerationCounts()
    with show_progress() as progress, remote_options(**options):
        stage = StageProgress(progress, "generate", wanted and wanted * config.teacher.samples)
        runs = [make_partition.submit(share, Partition(index, count), retry_failed) for index in range(count)]
        for done, run in enumerate(as_completed(runs), 1):
            add(total, run.result())
            stage.update(total.done, f"{done} of {count} partitions, {describe(total)}")
        stage.finish(total.done, f"{count} partitions on {engines} engines, {describe(total)}")
    if config.teacher.samples > 1 and total.results:
        for teacher in store.teachers():
            write_difficulty(store, teacher.fingerprint)
    write_summary(store.path, total)
    publish_counts(total)
    return total


@task(name="make partition", retries=2, retry_delay_seconds=5, retry_condition_fn=engine_died, cache_policy=NO_CACHE)
def make_partition(config: GenerateConfig, partition: Partition, retry_failed: bool) -> GenerationCounts:
    """One partition, on an engine of its own."""
    store = Store.open(config.store)
    log = store.local / "logs" / f"engine-{partition.writer}.log"
    with lease_for_teacher(config.teacher), RunningTeacher(config.teacher, log) as teacher:
        return run_config(config, store, teacher, lambda _: None, retry_failed=retry_failed, partition=partition)


def plan(config: GenerateConfig) -> tuple[int, dict[str, Any]]:
    """How many engines the cluster has room for, and what each takes of a worker."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    devices = count_devices(config.teacher)
    gpus = sum(int(node.get("GPU", 0)) // devices for node in nodes) if devices else 0
    spread: dict[str, Any] = {"scheduling_strategy": "SPREAD", "max_retries": -1}
    if gpus:
        return gpus, {**spread, "num_cpus": 1, "num_gpus": devices}
    # An engine on a CPU wants all of it; a client of servers does not.
    cpus = min(int(node["CPU"]) for node in nodes) if devices else 1
    return len(nodes), {**spread, "num_cpus": cpus}


def divide(budget: BudgetConfig, count: int) -> BudgetConfig:
    """Each partition's part of what is counted; the time is everybody's."""
    return budget.model_copy(
        update={
            "tokens": budget.tokens and max(1, budget.tokens // count),
            "cost": budget.cost and budget.cost / count,
        }
    )


def add(total: GenerationCounts, part: GenerationCounts) -> None:
    """Take a partition's counts into the whole; they ran beside each other, so the longest time is the time."""
    for one in fields(total):
        if one.name not in _NOT_ADDED:
            setattr(total, one.name, getattr(total, one.name) + getattr(part, one.name))
    total.seconds = max(total.seconds, part.seconds)
    total.stopped = total.stopped or part.stopped
    total.last_failure = part.last_failure or total.last_failure
