"""Several values: matched in order, in any order, or by the names they are assigned to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from tracewright.pipeline.verify.comparison.names import indexed_base, records_of, split_name
from tracewright.pipeline.verify.evaluation.values import Finding, Truth, exact_value
from tracewright.pipeline.verify.grammar.nodes import Node

MAX_MATCHED_ITEMS = 40
"""Items without an exact value that are matched one by one, each with each."""

Compare = Callable[[Node, Node], Finding]
Record = dict[str, Node]


def all_same(findings: Sequence[Finding]) -> Finding:
    """The first finding of a difference, else the first that is not certain, else that all are the same."""
    for truth in (Truth.DIFFERENT, Truth.REFUSED, Truth.UNKNOWN):
        for found in findings:
            if found.truth is truth:
                return found
    return findings[0] if findings else Finding(Truth.SAME, "structural")


def compare_ordered(gold: Sequence[Node], given: Sequence[Node], compare: Compare) -> Finding:
    """Whether the items are the same, place by place."""
    if len(gold) != len(given):
        return _different_count(gold, given)
    return all_same([compare(a, b) for a, b in zip(gold, given, strict=True)])


def compare_unordered(gold: Sequence[Node], given: Sequence[Node], compare: Compare, *, distinct: bool) -> Finding:
    """Whether the items are the same in any order; with `distinct`, however often each stands there."""
    left, right = (_distinct(items, compare) if distinct else list(items) for items in (gold, given))
    if len(left) != len(right):
        return _different_count(left, right)
    missing = _without_exact_matches(left, right)
    if len(missing) > MAX_MATCHED_ITEMS:
        return Finding(Truth.REFUSED, "list", f"more than {MAX_MATCHED_ITEMS} items to match")
    for item in missing:
        findings = [(compare(item, other), other) for other in right]
        match = next((other for found, other in findings if found.truth is Truth.SAME), None)
        if match is None:
            uncertain = (Truth.UNKNOWN, Truth.REFUSED)
            unknown = next((found for found, _ in findings if found.truth in uncertain), None)
            return unknown or Finding(Truth.DIFFERENT, "list", "an item of the gold answer is missing")
        right.remove(match)
    return Finding(Truth.SAME, "set" if distinct else "list")


def compare_assignments(gold: Sequence[Node], given: Sequence[Node], compare: Compare) -> Finding | None:
    """Assignments to several names, on one side or on both; None where there are none.

    Both sides named: name by name, several solutions in any order. One side named: in order, unless the names are one
    letter with the subscripts 1, 2, 3 ….
    """
    a, b = records_of(gold), records_of(given)
    if a is not None and b is not None:
        return _compare_records(a, b, compare) if max(len(a[0]), len(b[0])) > 1 else None
    if a is not None and _is_one_record(a):
        return _compare_with_plain(a[0], given, compare)
    if b is not None and _is_one_record(b):
        return _compare_with_plain(b[0], gold, lambda x, y: compare(y, x))
    return None


def _is_one_record(records: list[Record]) -> bool:
    return len(records) == 1 and len(records[0]) > 1


def _compare_with_plain(record: Record, others: Sequence[Node], compare: Compare) -> Finding:
    named = [split_name(item) for item in others]
    if any(item.name is not None for item in named):
        return Finding(Truth.DIFFERENT, "assignment", "the names are not the same")
    values, plain = list(record.values()), [item.value for item in named]
    if indexed_base(list(record)):
        return compare_unordered(values, plain, compare, distinct=False)
    return compare_ordered(values, plain, compare)


def _compare_records(gold: list[Record], given: list[Record], compare: Compare) -> Finding:
    rest = list(given)
    if len(gold) != len(given):
        return Finding(Truth.DIFFERENT, "assignment", f"it has {len(given)} solutions and not {len(gold)}")
    for record in gold:
        match = next((other for other in rest if _is_same_record(record, other, compare)), None)
        if match is None:
            return Finding(Truth.DIFFERENT, "assignment", "the values of the names are not the same")
        rest.remove(match)
    return Finding(Truth.SAME, "assignment")


def _is_same_record(gold: Record, given: Record, compare: Compare) -> bool:
    if gold.keys() != given.keys():
        return False
    return all(compare(value, given[name]).truth is Truth.SAME for name, value in gold.items())


def _without_exact_matches(left: Sequence[Node], right: list[Node]) -> list[Node]:
    """The items on the left that no equal rational number on the right is for; those that match leave the right."""
    values: dict[Fraction, list[Node]] = {}
    for item in right:
        value = exact_value(item)
        if value is not None:
            values.setdefault(value, []).append(item)
    missing: list[Node] = []
    matched: list[Node] = []
    for item in left:
        value = exact_value(item)
        if value is not None and values.get(value):
            matched.append(values[value].pop())
        else:
            missing.append(item)
    identities = {id(item) for item in matched}
    right[:] = [item for item in right if id(item) not in identities]
    return missing


def _distinct(items: Sequence[Node], compare: Compare) -> list[Node]:
    distinct: list[Node] = []
    for item in items[:MAX_MATCHED_ITEMS]:
        if not any(compare(item, other).truth is Truth.SAME for other in distinct):
            distinct.append(item)
    return distinct + list(items[MAX_MATCHED_ITEMS:])


def _different_count(gold: Sequence[Node], given: Sequence[Node]) -> Finding:
    return Finding(Truth.DIFFERENT, "list", f"it has {len(given)} parts and not {len(gold)}")
