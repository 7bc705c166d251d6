"""Agreement of a slice's reviewers: on decisions, on steps, and of each pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from tracewright.api.agreement.alpha import Alpha, Metric, measure_alpha
from tracewright.api.reviews.folding import Standing, fold
from tracewright.api.reviews.repository import iter_logs
from tracewright.api.services import Services

DECISIONS = ("reject", "unsure", "accept")
LABELS = (-1, 0, 1)
MAX_PAIRS = 5_000
"""All of a hundred reviewers: a second's work."""
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
        "pairs": _measure_pairs(decisions, steps),
    }


def _decisions(standing: Mapping[str, Standing]) -> dict[str, str]:
    return {name: one.decision.value for name, one in standing.items() if one.decision is not None}


def _labels(standing: Mapping[str, Standing]) -> Judged:
    steps = sorted({step for one in standing.values() for step in one.steps})
    said = {name: {step: state.label for step, state in one.steps.items()} for name, one in standing.items()}
    return [{name: label for name in said if (label := said[name].get(step)) is not None} for step in steps]


def _measure_pairs(decisions: Sequence[Judged], steps: Sequence[Judged]) -> list[dict[str, Any]]:
    """Each pair of reviewers who judged something in common; of too many, those who have most in common."""
    of_decisions, of_steps = _by_pair(decisions), _by_pair(steps)
    common = {pair: len(of_decisions[pair]) + len(of_steps[pair]) for pair in {*of_decisions, *of_steps}}
    kept = sorted(sorted(common, key=lambda pair: (-common[pair], pair))[:MAX_PAIRS])
    return [
        {
            "reviewers": list(pair),
            "decisions": _facts(measure_alpha(of_decisions[pair], DECISIONS, Metric.NOMINAL, _PAIR_DRAWS)),
            "steps": _facts(measure_alpha(of_steps[pair], LABELS, Metric.ORDINAL, _PAIR_DRAWS)),
        }
        for pair in kept
    ]


def _by_pair(clusters: Iterable[Judged]) -> dict[tuple[str, str], list[Judged]]:
    """For each pair of reviewers the clusters, and of them the units, that both have judged."""
    found: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for cluster in clusters:
        theirs: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for unit in cluster:
            for one, other in combinations(sorted(unit), 2):
                theirs[one, other].append({one: unit[one], other: unit[other]})
        for pair, units in theirs.items():
            found[pair].append(units)
    return found


def _facts(alpha: Alpha) -> dict[str, Any]:
    return {name: getattr(alpha, name) for name in ("alpha", "low", "high", "units", "values")}
