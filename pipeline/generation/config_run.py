"""A config's run from its problems to its store, whatever starts it."""

from __future__ import annotations

from tracewright.pipeline.config import GenerateConfig
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation.counts import GenerationCounts
from tracewright.pipeline.generation.difficulty import write_difficulty
from tracewright.pipeline.generation.partition import Partition
from tracewright.pipeline.generation.run import Report, generate_missing
from tracewright.pipeline.generation.teaching import choose_calibration, make_teaching
from tracewright.pipeline.sources import read_problems
from tracewright.pipeline.store import ShardLimits, Store


def run_config(
    config: GenerateConfig,
    store: Store,
    teacher: RunningTeacher,
    report: Report,
    *,
    retry_failed: bool = False,
    limits: ShardLimits | None = None,
    partition: Partition | None = None,
) -> GenerationCounts:
    """Make what the store lacks of the config's traces, and measure how hard its problems were.

    With `partition` it is that part of them alone, and the measuring is left to whoever started the parts.

    Raises:
        ConfigError, InputError: the config or its problems can't be used.
        EngineError: the teacher can't be had; what was finished is stored.
        StoreError: another writer is at work, or the disk is full; what was stored is intact.
    """
    calibration = choose_calibration(store, teacher.ref)
    teaching = make_teaching(config.teacher, teacher.ref, calibration, budget=config.budget, retry_failed=retry_failed)
    problems = read_problems(config.problems)
    if partition is not None:
        problems = partition.select(problems)
    with store.writer(partition.writer if partition else "main", limits) as writer:
        counts = generate_missing(store, writer, problems, teaching, teacher.engine, report)
    if teaching.samples > 1 and counts.results and partition is None:
        write_difficulty(store, teacher.ref.fingerprint)
    return counts
