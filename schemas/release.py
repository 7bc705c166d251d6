"""What a release says about itself. Every number on a data card is one of these."""

from __future__ import annotations

from pydantic import Field

from tracewright.schemas.base import Count, Frozen, Probability, Timestamp
from tracewright.schemas.teacher import TeacherRef

MANIFEST_FORMAT = "tracewright-release/1"


class ReleaseFile(Frozen):
    """One file of a release."""

    path: str
    """Relative to the release directory, with forward slashes."""
    rows: Count | None
    """None for a file that holds no rows."""
    bytes: Count
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class StageCount(Frozen):
    """How many rows came into a stage and how many it kept; the reasons count what it turned away."""

    stage: str
    rows_in: Count
    rows_out: Count
    reasons: dict[str, int] = {}


class CalibrationFigures(Frozen):
    """How far the steps' confidence can be trusted on this release's source, measured on checked steps."""

    version: str
    steps: Count
    wrong_share: Probability
    auroc: Probability
    ece: Probability
    brier: Probability


class TeacherShare(Frozen):
    """One teacher's part in a release."""

    teacher: TeacherRef
    traces: Count


class ReleaseManifest(Frozen):
    """The facts of a release. Written last: a directory without one is not a release."""

    format: str = MANIFEST_FORMAT
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,95}$")
    version: str = Field(pattern=r"^[0-9]+(\.[0-9]+){0,2}$")
    created_at: Timestamp
    """When the store version it reads was committed, so that the same inputs give the same bytes."""
    tracewright_version: str
    schema_version: int
    schema_hash: str
    store_version: Count
    where: str | None
    slice: str | None
    review_watermark: Count
    """The number of published review events that were taken into account."""
    seed: int
    rows: Count
    splits: dict[str, int]
    """Rows by split."""
    problems: Count
    tokens: Count
    funnel: tuple[StageCount, ...]
    """Every stage from the problems read to the rows released, in order."""
    outcomes: dict[str, int]
    """Rows of this release by verdict outcome."""
    methods: dict[str, int]
    """Rows of this release by verification method."""
    checks: dict[str, int]
    """Steps of this release by check outcome."""
    levels: dict[str, int]
    domains: dict[str, int]
    sources: dict[str, int]
    licenses: dict[str, int]
    teachers: tuple[TeacherShare, ...]
    prompt_example: str
    calibration: CalibrationFigures | None
    calibration_reason: str | None
    """Why there are no calibration figures, where there are none."""
    verifier_versions: tuple[str, ...]
    checker_versions: tuple[str, ...]
    files: tuple[ReleaseFile, ...]
