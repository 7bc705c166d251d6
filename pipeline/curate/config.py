"""A curation as a YAML file: a slice's name, a filter, and the stages, one a line."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tracewright.pipeline.curate.balance import Balance
from tracewright.pipeline.curate.best import BestOfProblem
from tracewright.pipeline.curate.decontamination import Decontamination
from tracewright.pipeline.curate.near_duplicates import NearDuplicates
from tracewright.pipeline.curate.repetition import Repetition
from tracewright.pipeline.curate.slices import SLICE_NAME
from tracewright.pipeline.curate.stages import ExactDuplicates, LengthLimits, Matching, NoFailedStep, Outcomes
from tracewright.schemas.base import Frozen

StageConfig = Annotated[
    Outcomes
    | NoFailedStep
    | LengthLimits
    | Repetition
    | ExactDuplicates
    | NearDuplicates
    | Decontamination
    | BestOfProblem
    | Balance
    | Matching,
    Field(discriminator="kind"),
]
"""The stages that a config file or a slice can name by their `kind`."""


class CurateConfig(Frozen):
    """What `tracewright curate STORE --config FILE` reads; paths are relative to the file."""

    name: str = Field(pattern=f"^{SLICE_NAME}$")
    """What the slice is called."""
    where: str | None = None
    """A filter that decides what comes into the first stage."""
    stages: tuple[StageConfig, ...]
    """In order: each sees what those before it kept."""
