"""What a release holds and what it says about itself. Every number on a data card is one of the manifest's."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field

from tracewright.schemas.base import Count, Frozen, Probability, Timestamp
from tracewright.schemas.problem import AnswerKind
from tracewright.schemas.review import Decision
from tracewright.schemas.teacher import TeacherRef
from tracewright.schemas.trace import Span
from tracewright.schemas.verdict import CheckOutcome, Outcome

MANIFEST_FORMAT = "tracewright-release/1"
RELEASE_PATH = (
    r"^(README\.md|croissant\.json|pictures/[a-z]+\.png|(data|logprobs)/[a-z]+-[0-9]{5}-of-[0-9]{5}\.parquet)$"
)
"""Every path that a manifest may list: no other can lead a reader out of the release's directory."""
UNKNOWN = "unknown"
"""The key under which a manifest counts rows that have no domain, level or licence."""


class Message(Frozen):
    """One turn of a conversation, as chat templates take it."""

    role: Literal["system", "user", "assistant"]
    content: str


class ReleaseStep(Frozen):
    """One step of a released trace."""

    text: str
    span: Span
    """In characters (code points) of the completion."""
    confidence: Probability | None
    check: CheckOutcome
    label: Literal[-1, 0, 1] | None = None
    """The lower median of the reviewers' ratings, as in PRM800K; None where nobody rated the step."""


class ReleaseRow(Frozen):
    """One released trace: the columns of a release's Parquet files, in their order."""

    trace_id: str
    problem_id: str
    messages: tuple[Message, ...]
    """The question and the completion."""
    prompt: str
    """The text that the teacher was given."""
    completion: str
    """The teacher's whole text, as it came."""
    steps: tuple[ReleaseStep, ...]
    reasoning: Span | None
    """The part of the completion that is thinking and not the final text; None where the teacher does not mark it."""
    answer: str | None
    """As extracted from the completion."""
    gold: str | None
    outcome: Outcome
    confidence: Probability | None
    weight: float
    """How much the row counts in training; 1 unless a curation stage says otherwise."""
    answer_kind: AnswerKind
    method: str
    """Which part of the verifier decided."""
    tokens: Count
    source: str
    domain: str | None
    level: int | None
    license: str | None
    model: str
    fingerprint: str
    """The teacher's."""
    sample: Count
    decision: Decision | None = None
    """The most careful of the reviewers' decisions that stand; None where nobody decided."""
    review_count: Count = 0
    """How many reviewers have a decision that stands."""
    first_error: Count | None = None
    """The earliest step, from 0, that a reviewer calls the first error."""


class ReleaseFile(Frozen):
    """One file of a release."""

    path: str = Field(pattern=RELEASE_PATH)
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


class StageSettings(Frozen):
    """A curation stage as it was set up."""

    kind: str
    settings: dict[str, str] = {}
    """Each setting as JSON text: stages differ in what they take."""

    @classmethod
    def of(cls, description: dict[str, Any]) -> StageSettings:
        """The settings of a stage as its own `describe` gives them."""
        settings = {name: json.dumps(value, ensure_ascii=False) for name, value in description.items()}
        return cls(kind=json.loads(settings.pop("kind")), settings=settings)

    def describe(self) -> dict[str, Any]:
        """What `of` was given."""
        return {"kind": self.kind, **{name: json.loads(text) for name, text in self.settings.items()}}


class CurvePoint(Frozen):
    """The steps of similar confidence: what was said of them and how many were right, with a 95 % Wilson interval."""

    confidence: Probability
    """Their mean."""
    accuracy: Probability
    low: Probability
    high: Probability
    count: Count


class CalibrationFigures(Frozen):
    """How far the steps' confidence can be trusted on this release's source, measured on checked steps."""

    version: str
    steps: Count
    wrong_share: Probability
    auroc: Probability
    ece: Probability
    brier: Probability
    curve: tuple[CurvePoint, ...] = ()
    """By rising confidence."""


class TeacherShare(Frozen):
    """One teacher's part in a release."""

    teacher: TeacherRef
    traces: Count
    calibration: CalibrationFigures | None = None
    """Of this teacher's steps, each scored by a model that saw no step of its problem; None where none was fitted."""


class Histogram(Frozen):
    """How many values lie between consecutive edges; the last edge belongs to the last bin."""

    edges: tuple[float, ...]
    counts: tuple[Count, ...]


class Tombstone(Frozen):
    """Why and when a release was withdrawn; lies beside its manifest, which stays as it was."""

    reason: str = Field(min_length=1)
    yanked_at: Timestamp
    trace_ids: tuple[str, ...] = ()
    """Those of its traces that were taken down, sorted; none where the release was withdrawn for another reason."""


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
    slice_digest: str | None = None
    """Which slice of that name it was: slices can be saved again."""
    review_watermark: Count
    """Published review events up to this number were taken into account."""
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
    languages: tuple[str, ...] = ("en",)
    """ISO 639 codes, as the publisher states them."""
    test_share: Probability = 0.0
    """The share of problems that is meant for the test split."""
    rows_with_failed_step: Count = 0
    """Rows with a step that fails its check and that the author does not take back."""
    steps_with_confidence: Count = 0
    not_carried: dict[str, int] = {}
    """Rows of the store that hold more than the columns of a release can: what, and in how many of the rows."""
    stages: tuple[StageSettings, ...] = ()
    """The settings of the curation's stages, in order."""
    completion_example: str = ""
    """The completion that belongs to `prompt_example`."""
    histograms: dict[str, Histogram] = {}
    """Of the traces: `tokens` (`chars` where nobody counted them) and `steps`. Of the confidence of the steps of each
    check: `holds`, `fails` and `unchecked`."""
    digest: str = ""
    """SHA-256 of this manifest without this field: the release's identity, files included, since it lists their hashes.
    It shows a changed manifest; who changes both is found by the digest that the store's register keeps."""
