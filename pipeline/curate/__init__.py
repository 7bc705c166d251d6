"""Curation: stages that keep or turn away traces, and the slices that remember what they kept."""

from tracewright.pipeline.curate.curate import Curated, curate
from tracewright.pipeline.curate.run import CURATION, StageRun, run_stages
from tracewright.pipeline.curate.slices import Slice, list_slices, read_slice, write_slice
from tracewright.pipeline.curate.stages import (
    ExactDuplicates,
    LengthLimits,
    Matching,
    NoFailedStep,
    Outcomes,
    RowStage,
    Stage,
    StageConfig,
)

__all__ = [
    "CURATION",
    "Curated",
    "ExactDuplicates",
    "LengthLimits",
    "Matching",
    "NoFailedStep",
    "Outcomes",
    "RowStage",
    "Slice",
    "Stage",
    "StageConfig",
    "StageRun",
    "curate",
    "list_slices",
    "read_slice",
    "run_stages",
    "write_slice",
]
