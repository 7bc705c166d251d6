"""Agreement of a slice's reviewers: on decisions, on steps, and of each pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from tracewright.api.agreement.alpha import Alpha, Metric, measure_alpha
from tracewright.api.reviews.folding import Standing, fold
from tracewright.api.reviews.repository import iter_logs
from tracewright.api.services import Services

DECISIONS = ("reject", "unsure", "accept")
LABELS = (-1, 0, 1)
MAX_PAIRS = 200
_PAIR_DRAWS = 200
Judged = Sequence[Mapping[str, Any]]


def measure(services: Services, trace_ids: Sequence[str]) -> dict[str, Any]:
    """Alpha of the standing decisions and step labels on these traces, for all reviewers and for each pair."""
    with services.database.read() as connection:
        standings = [fold(events) for _, events in iter_logs(connection, trace_ids)]
    decisions: list[Judged] = [[_decisions(standing)] for standing in standings]
    steps = [_labels(standing) for standing in standings]
    return {
        "traces": len(standings),
        "decisions": _facts(measure_alpha(decisions, DECISIONS, Metric.NOMINAL)),
        "steps": _facts(measure_alpha(steps, LABELS, Metric.ORDINAL)),
        "pairs": [_measure_pair(pair, decisions, steps) for pair in _find_pairs([*decisions, *steps])],
    }


def _decisions(standing: Mapping[str, Standing]) -> dict[str, str]:
    return {name: one.decision.value for name, one in standing.items() if one.decision is not None}


def _labels(standing: Mapping[str, Standing]) -> Judged:
    steps = sorted({step for one in standing.values() for step in one.steps})
    said = {name: {step: state.label for step, state in one.steps.items()} for name, one in standing.items()}
    return [{name: label for name in said if (label := said[name].get(step)) is not None} for step in steps]


def _find_pairs(clusters: Iterable[Judged]) -> list[tuple[str, str]]:
    """The pairs of reviewers who judged something in common, at most so many."""
    pairs = {pair for cluster in clusters for unit in cluster for pair in combinations(sorted(unit), 2)}
    return sorted(pairs)[:MAX_PAIRS]


def _measure_pair(pair: tuple[str, str], decisions: list[Judged], steps: list[Judged]) -> dict[str, Any]:
    def theirs(clusters: list[Judged]) -> list[Judged]:
        return [[{name: unit[name] for name in pair if name in unit} for unit in cluster] for cluster in clusters]

    return {
        "reviewers": list(pair),
        "decisions": _facts(measure_alpha(theirs(decisions), DECISIONS, Metric.NOMINAL, _PAIR_DRAWS)),
        "steps": _facts(measure_alpha(theirs(steps), LABELS, Metric.ORDINAL, _PAIR_DRAWS)),
    }


def _facts(alpha: Alpha) -> dict[str, Any]:
    return {name: getattr(alpha, name) for name in ("alpha", "low", "high", "units", "values")}
