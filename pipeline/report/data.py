"""What a report shows. A flow fills it; every part that may be unknown is None or empty, and the page then says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from tracewright.pipeline.confidence.metrics import ReliabilityPoint, wilson_interval
from tracewright.schemas.release import CalibrationFigures, StageCount
from tracewright.schemas.trace import Trace


@dataclass(frozen=True)
class Headline:
    """The numbers at the top. None where nobody measured."""

    problems: int | None = None
    traces: int | None = None
    verified: int | None = None
    """Traces whose outcome is correct."""
    released: int | None = None
    tokens: int | None = None
    tokens_per_second: float | None = None
    seconds: float | None = None
    """Wall time of the whole run."""


@dataclass(frozen=True)
class ComparedScore:
    """One way of scoring steps, measured on the same steps as its rivals."""

    name: str
    auroc: float
    ece: float
    brier: float


@dataclass(frozen=True)
class ScoreComparison:
    """The calibrated confidence beside single signals, cross-validated by problem where the calibration was fitted."""

    version: str
    """The calibration's."""
    steps: int
    scores: tuple[ComparedScore, ...]
    """The calibrated confidence first."""


@dataclass(frozen=True)
class ConfidencePanel:
    """Confidence of the steps whose truth is known."""

    right_counts: tuple[int, ...]
    """Right steps in bins of equal width from 0 to 1."""
    wrong_counts: tuple[int, ...]
    """Wrong ones in the same bins."""
    curve: tuple[ReliabilityPoint, ...]
    figures: CalibrationFigures | None
    reason: str | None = None
    """Why there are no figures, where there are none."""
    comparison: ScoreComparison | None = None

    @property
    def right_above_nine_tenths(self) -> float | None:
        """The share of right steps in the bins from 0.9 up; None where there are none."""
        first = math.ceil(0.9 * len(self.right_counts))
        return _share(sum(self.right_counts[first:]), sum(self.right_counts))

    @property
    def wrong_below_half(self) -> float | None:
        """The share of wrong steps in the bins up to 0.5; None where there are none."""
        last = len(self.wrong_counts) // 2
        return _share(sum(self.wrong_counts[:last]), sum(self.wrong_counts))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True)
class LevelShare:
    """How many of a level's problems (or traces) came out right."""

    level: int
    right: int
    count: int

    @property
    def share(self) -> float:
        """From 0 to 1; 0 where nothing was counted."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson's)."""
        return wilson_interval(self.right, self.count)


@dataclass(frozen=True)
class AccuracySeries:
    """Accuracy by number of operators, of one model asked in one way."""

    name: str
    levels: tuple[LevelShare, ...]


@dataclass(frozen=True)
class RatePoint:
    """Tokens per second at a moment of the run."""

    seconds: float
    tokens_per_second: float


@dataclass(frozen=True)
class RejectionGroup:
    """Rows that one stage turned away for one reason."""

    stage: str
    reason: str
    count: int
    example: str = ""
    """The place or id of one of them."""
    row: str = ""
    """That row, cut to a readable length."""


@dataclass(frozen=True)
class ModelFigures:
    """One model of the comparison."""

    name: str
    """For example `teacher`, `control`, `student`, `student, int8`."""
    parameters: int
    tensor_bytes: int | None
    tokens_per_second: float | None
    accuracy: tuple[LevelShare, ...]
    """On held-out problems."""
    note: str = ""
    """What it was trained on, in a few words."""


@dataclass(frozen=True)
class LossPoint:
    """The loss after so many optimizer steps."""

    step: int
    loss: float


@dataclass(frozen=True)
class LossCurve:
    """One part of one training run's loss."""

    name: str
    points: tuple[LossPoint, ...]


@dataclass(frozen=True)
class SolvedBy:
    """One model's solution of the problem that all were given."""

    model: str
    text: str
    answer: str | None
    right: bool


@dataclass(frozen=True)
class SideBySide:
    """The same problem solved by each model."""

    question: str
    gold: str
    solutions: tuple[SolvedBy, ...]


@dataclass(frozen=True)
class StudentPanel:
    """What the data was for: models compared on the same held-out problems."""

    models: tuple[ModelFigures, ...]
    """In the order of the table: teacher first."""
    losses: tuple[LossCurve, ...] = ()
    side_by_side: SideBySide | None = None
    conclusion: str = ""
    """One sentence above the table, such as what the output loss brought."""


@dataclass(frozen=True)
class ReportData:
    """Everything that the page and the terminal's table show."""

    title: str
    made_at: datetime
    teacher: str
    """The teacher's name for people, such as `embedded (1,246,848 parameters)`."""
    headline: Headline
    funnel: tuple[StageCount, ...] = ()
    """From the problems read to the rows released, in order."""
    confidence: ConfidencePanel | None = None
    confidence_reason: str | None = None
    """Why no step has a confidence, where none has."""
    accuracy: tuple[AccuracySeries, ...] = ()
    throughput: tuple[RatePoint, ...] = ()
    right_trace: Trace | None = None
    wrong_trace: Trace | None = None
    rejections: tuple[RejectionGroup, ...] = ()
    """The most frequent first."""
    student: StudentPanel | None = None
    facts: tuple[tuple[str, str], ...] = ()
    """Name and value of what makes the run repeatable: release, store version, fingerprint, versions, seed."""
