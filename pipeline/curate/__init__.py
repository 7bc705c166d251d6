"""Curation: stages that keep or turn away traces, and the slices that remember what they kept."""

from tracewright.pipeline.curate.balance import Balance
from tracewright.pipeline.curate.best import BestOfProblem
from tracewright.pipeline.curate.config import CurateConfig, StageConfig
from tracewright.pipeline.curate.curate import Curated, curate
from tracewright.pipeline.curate.decontamination import Benchmark, Decontamination
from tracewright.pipeline.curate.near_duplicates import NearDuplicates
from tracewright.pipeline.curate.repetition import Repetition
from tracewright.pipeline.curate.run import CURATION, StageRun, run_stages
from tracewright.pipeline.curate.slices import Slice, list_slices, read_slice, write_slice
from tracewright.pipeline.curate.stage import RowStage, Stage
from tracewright.pipeline.curate.stages import ExactDuplicates, LengthLimits, Matching, NoFailedStep, Outcomes

__all__ = [
    "CURATION",
    "Balance",
    "Benchmark",
    "BestOfProblem",
    "CurateConfig",
    "Curated",
    "Decontamination",
    "ExactDuplicates",
    "LengthLimits",
    "Matching",
    "NearDuplicates",
    "NoFailedStep",
    "Outcomes",
    "Repetition",
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
