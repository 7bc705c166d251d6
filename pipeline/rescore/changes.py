"""What scoring anew changed, counted for the table that says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tracewright.schemas import Trace

_SAME = 1e-9
"""Two confidences that differ by less are the same."""


@dataclass
class Changes:
    """How many traces, or steps, went from what to what."""

    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    checks: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """Of steps."""
    first_failed: int = 0
    """Traces whose first failed step is another one, is new or is gone."""
    confidences: Counter[str] = field(default_factory=Counter[str])
    """Steps whose confidence is `new`, `gone`, `changed` or the `same`."""

    def add(self, old: Trace, new: Trace) -> None:
        """Count one trace."""
        if old.verdict.outcome is not new.verdict.outcome:
            self.verdicts[old.verdict.outcome.value, new.verdict.outcome.value] += 1
        self.first_failed += old.first_failed_step != new.first_failed_step
        for before, after in zip(old.steps, new.steps, strict=True):
            if before.check.outcome is not after.check.outcome:
                self.checks[before.check.outcome.value, after.check.outcome.value] += 1
            self.confidences[_compare(before.confidence, after.confidence)] += 1

    def rows(self) -> list[tuple[str, str, int]]:
        """The table's rows: what changed, from what to what, how often; the most frequent first."""
        return [
            *(("verdict", f"{old} → {new}", count) for (old, new), count in self.verdicts.most_common()),
            *(("check of a step", f"{old} → {new}", count) for (old, new), count in self.checks.most_common()),
            *([("first failed step", "another one", self.first_failed)] if self.first_failed else []),
            *(("confidence of a step", word, count) for word, count in self.confidences.most_common()),
        ]


@dataclass
class RescoreCounts:
    """What a run has done so far."""

    traces: int = 0
    """Looked at."""
    stale: int = 0
    """Of these, not up to date, and now scored anew."""
    shards: int = 0
    rewritten_shards: int = 0
    calibrations: dict[str, str] = field(default_factory=lambda: {})
    """For each teacher's family the calibration's version, or why there is none."""
    changes: Changes = field(default_factory=Changes)


def _compare(old: float | None, new: float | None) -> str:
    if old is None or new is None:
        return "same" if old is new else ("new" if old is None else "gone")
    return "same" if abs(old - new) < _SAME else "changed"
