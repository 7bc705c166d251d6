"""What stands of a trace's reviews: every event that nothing has taken back, the newest of each reviewer.

Where reviewers differ the more careful word counts: one `reject` is a rejection, and a step's label is the lower median
of theirs (the majority's, where there is one).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from tracewright.pipeline.filter.columns import COLUMNS
from tracewright.schemas.review import Decision, Review

_MOST_CAREFUL_FIRST = (Decision.REJECT, Decision.UNSURE, Decision.ACCEPT)


@dataclass(frozen=True)
class Standing:
    """What reviewers say of one trace."""

    decision: Decision | None
    reviewers: int
    """How many have a decision that stands."""
    labels: Mapping[int, int]
    """Step, from 0 → rating, −1, 0 or 1."""
    first_error: int | None
    """The earliest step that a reviewer calls the first error."""
    is_corrected: bool
    """Whether a reviewer wrote another text or answer."""


@dataclass
class _Voices:
    decisions: dict[str, Decision] = field(default_factory=dict[str, Decision])
    labels: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict[int, dict[str, int]](dict))
    first_errors: dict[str, int] = field(default_factory=dict[str, int])
    is_corrected: bool = False

    def hear(self, event: Review) -> None:
        """Take an event older than those heard before: the newest of each reviewer is there already."""
        if event.step is None and event.decision is not None:
            self.decisions.setdefault(event.reviewer, event.decision)
        if event.step is not None and event.label is not None:
            self.labels[event.step].setdefault(event.reviewer, event.label)
        if event.step is not None and event.first_error:
            self.first_errors.setdefault(event.reviewer, event.step)
        self.is_corrected |= event.corrected_text is not None or event.corrected_answer is not None

    def conclude(self) -> Standing:
        """What they say together."""
        said = set(self.decisions.values())
        return Standing(
            decision=next((decision for decision in _MOST_CAREFUL_FIRST if decision in said), None),
            reviewers=len(self.decisions),
            labels={step: _lower_median(list(labels.values())) for step, labels in sorted(self.labels.items())},
            first_error=min(self.first_errors.values(), default=None),
            is_corrected=self.is_corrected,
        )


def settle_reviews(events: Iterable[Review]) -> dict[str, Standing]:
    """What stands, by trace id; `events` in the order in which they happened.

    An event that undoes another takes it back, and is itself taken back by a later one that undoes it.
    """
    undone: set[str] = set()
    voices: dict[str, _Voices] = {}
    for event in reversed(list(events)):
        if event.review_id in undone:
            continue
        if event.undoes is not None:
            undone.add(event.undoes)
        voices.setdefault(event.trace_id, _Voices()).hear(event)
    return {trace_id: heard.conclude() for trace_id, heard in voices.items()}


def add_review_columns(frame: pl.DataFrame, standing: Mapping[str, Standing]) -> pl.DataFrame:
    """The frame with what reviews say, as `filter.columns.REVIEW_COLUMNS` documents it."""
    said = {
        "trace_id": list(standing),
        "decision": [None if one.decision is None else one.decision.value for one in standing.values()],
        "review_count": [one.reviewers for one in standing.values()],
    }
    kinds = {"trace_id": pl.String(), **{name: COLUMNS[name].dtype for name in ("decision", "review_count")}}
    joined = frame.join(pl.DataFrame(said, schema=kinds), on="trace_id", how="left", maintain_order="left")
    careful = [Decision.REJECT.value, Decision.UNSURE.value]
    return joined.with_columns(
        pl.col("decision").cast(pl.String).is_in(careful).fill_null(value=False).alias("flagged"),
        pl.col("review_count").fill_null(0),
    ).select(*frame.columns, "flagged", "review_count", "decision")


def _lower_median(labels: list[int]) -> int:
    return sorted(labels)[(len(labels) - 1) // 2]
