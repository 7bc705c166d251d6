"""Traces → a slice worth training on: the `curate` flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from tracewright.pipeline.curate import (
    Curated,
    ExactDuplicates,
    LengthLimits,
    NearDuplicates,
    NoFailedStep,
    Outcomes,
    Repetition,
    StageConfig,
)
from tracewright.pipeline.curate import curate as run_curation
from tracewright.pipeline.store import Store

STAGES = (
    Outcomes(),
    NoFailedStep(),
    LengthLimits(max_tokens=4000),
    Repetition(),
    ExactDuplicates(),
    NearDuplicates(over="problem"),
    NearDuplicates(over="reasoning"),
)
"""What a store is curated by where no config says otherwise. Decontamination needs to be told the benchmarks' files."""


@flow(name="curate", validate_parameters=False)
def curate(
    store: Path,
    name: str,
    where: str | None = None,
    stages: Sequence[StageConfig] = STAGES,
    at: int | None = None,
    review_watermark: int | None = None,
) -> Curated:
    """Keep the traces that are right, whole and different, and say why each other one was turned away."""
    opened = Store.open(store)
    curated = run_curation(opened, stages, name=name, where=where, at=at, review_watermark=review_watermark)
    with opened.writer() as writer:
        for rejection in curated.rejections:
            writer.add_rejection(rejection)
    create_table_artifact(
        [{"stage": c.stage, "in": c.rows_in, "out": c.rows_out} for c in curated.slice.funnel],
        key="curation-counts",
        description="What each stage kept",
    )
    return curated
