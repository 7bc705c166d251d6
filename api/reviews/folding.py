"""What a log of review events comes to. Pure functions: the log is the truth, all else follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tracewright.api.traces.standings import DECISIONS
from tracewright.schemas.review import Decision


@dataclass
class StepStanding:
    """What one reviewer says of one step, as it stands."""

    label: int | None = None
    error_type: str | None = None
    corrected_text: str | None = None


@dataclass
class Standing:
    """What one reviewer says of one trace, as it stands."""

    reviewer: str
    decision: Decision | None = None
    first_error: int | None = None
    error_type: str | None = None
    corrected_answer: str | None = None
    tags: list[str] = field(default_factory=list[str])
    steps: dict[int, StepStanding] = field(default_factory=dict[int, StepStanding])
    seconds: float = 0.0


def find_active(events: Sequence[Any]) -> set[str]:
    """The ids of the events that nothing takes back. An undone undo brings its event back."""
    undone: set[str] = set()
    active: set[str] = set()
    for event in reversed(events):
        if event.review_id in undone:
            continue
        active.add(event.review_id)
        if event.undoes is not None:
            undone.add(event.undoes)
    return active


def fold(events: Sequence[Any]) -> dict[str, Standing]:
    """Each reviewer's standing on one trace, from its events in the order of their numbers."""
    active = find_active(events)
    standings: dict[str, Standing] = {}
    for event in events:
        if event.review_id in active and event.undoes is None:
            _take(standings.setdefault(event.reviewer, Standing(event.reviewer)), event)
    return standings


def summarise(events: Sequence[Any]) -> tuple[Decision | None, int]:
    """The most careful of the decisions that stand, and how many reviewers have one, as releases count them."""
    decisions = [standing.decision for standing in fold(events).values() if standing.decision is not None]
    return max(decisions, key=DECISIONS.index, default=None), len(decisions)


def _take(standing: Standing, event: Any) -> None:
    """A later event prevails in what it says and leaves the rest."""
    if event.step is None:
        standing.decision = Decision(event.decision) if event.decision else standing.decision
        standing.error_type = event.error_type or standing.error_type
        standing.corrected_answer = event.corrected_answer or standing.corrected_answer
    else:
        step = standing.steps.setdefault(event.step, StepStanding())
        step.label = event.label if event.label is not None else step.label
        step.error_type = event.error_type or step.error_type
        step.corrected_text = event.corrected_text if event.corrected_text is not None else step.corrected_text
        standing.first_error = event.step if event.first_error else standing.first_error
    standing.tags += [tag for tag in event.tags if tag not in standing.tags]
    standing.seconds += event.seconds or 0.0
