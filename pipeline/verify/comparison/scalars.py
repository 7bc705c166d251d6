"""Single values: numbers, expressions, quantities with units, percentages, angles."""

from __future__ import annotations

from tracewright.pipeline.verify.comparison.quantities import (
    Measure,
    align,
    comparable_values,
    measure,
    measure_letters,
    unit_mismatch,
)
from tracewright.pipeline.verify.comparison.rounding import stands_for
from tracewright.pipeline.verify.evaluation.values import Algebra, Finding, Truth, same_value
from tracewright.pipeline.verify.grammar.nodes import Apply, Node, Symbol, free_symbols
from tracewright.pipeline.verify.policy import Policy


def compare_scalars(
    gold: Node, given: Node, policy: Policy, functions: frozenset[str], algebra: Algebra | None = None
) -> Finding:
    """Whether two values are the same by the policy."""
    signs = _infinity(gold), _infinity(given)
    if all(signs):
        return Finding(Truth.SAME if signs[0] == signs[1] else Truth.DIFFERENT, "structural", "by the sign of ∞")
    found = _compare_measures(measure(gold), measure(given), policy, functions, algebra)
    if found.truth is Truth.SAME:
        return found
    for a, b in _letter_measures(gold, given):
        other = _compare_measures(a, b, policy, functions, algebra)
        if other.truth is Truth.SAME or other.method == "unit":
            return other
    return found


def _infinity(node: Node) -> int:
    """1 or −1 for ∞ and −∞, 0 for all else."""
    match node:
        case Symbol("∞"):
            return 1
        case Apply("neg", (Symbol("∞"),)):
            return -1
        case _:
            return 0


def _letter_measures(gold: Node, given: Node) -> list[tuple[Measure, Measure]]:
    """`5 m` as five metres beside a number or a quantity."""
    pairs = [
        (measure_letters(gold, alone=_has_unit(given)), measure_letters(given) or measure(given)),
        (measure(gold), measure_letters(given, alone=_has_unit(gold))),
    ]
    return [(a, b) for a, b in pairs if a and b and not free_symbols(a.value) and not free_symbols(b.value)]


def _has_unit(node: Node) -> bool:
    return measure(node).unit is not None or measure_letters(node) is not None


def _compare_measures(
    gold: Measure, given: Measure, policy: Policy, functions: frozenset[str], algebra: Algebra | None
) -> Finding:
    gold, given = align(gold, given)
    mismatch = unit_mismatch(gold, given, policy)
    if mismatch is not None:
        return Finding(Truth.DIFFERENT, "unit", mismatch)
    findings: list[Finding] = []
    for a, b in comparable_values(gold, given, policy):
        found = same_value(a, b, functions)
        if found.truth is Truth.UNKNOWN and algebra is not None:
            found = algebra.same_value(a, b, functions)
        if found.truth is Truth.SAME:
            return found
        rounded = stands_for(a, b, policy)
        if rounded is not None:
            return Finding(Truth.SAME, "rounding", rounded)
        findings.append(found)
    return next((found for found in findings if found.truth is not Truth.DIFFERENT), findings[0])
