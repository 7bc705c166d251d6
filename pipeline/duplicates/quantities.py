"""Which number stands where: two texts with different numbers in the same place say different things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tracewright.pipeline.duplicates.tokens import canonical, is_quantity

Context = tuple[str, str]
"""The nearest words on both sides that are no numbers or signs; empty at the ends of the text."""
Run = tuple[str, ...]
"""Numbers and signs in order, with no other word between them."""
Quantities = dict[Context, set[tuple[Run, ...]]]
"""For each context what one or several texts have there: a run for each time that the text has the context, sorted."""


def collect_quantities(tokens: Sequence[str]) -> Quantities:
    """The text's numbers and signs by context."""
    found: dict[Context, list[Run]] = {}
    before, run = "", list[str]()
    for token in tokens:
        if is_quantity(token):
            run.append(canonical(token))
            continue
        if run:
            found.setdefault((before, token), []).append(tuple(run))
            run = []
        before = token
    if run:
        found.setdefault((before, ""), []).append(tuple(run))
    return {context: {tuple(sorted(runs))} for context, runs in found.items()}


def differ_in_place(first: Quantities, second: Quantities, max_share: float) -> bool:
    """Whether more than a share of the contexts hold different quantities: neither the other's without whole runs.

    What stands in a context that only one of them has does not count: a sentence may be missing from a copy.
    """
    small, large = (first, second) if len(first) <= len(second) else (second, first)
    differing = sum(context in large and not _agree(runs, large[context]) for context, runs in small.items())
    return differing > max_share * len(small)


def differ_in_sum(first: Iterable[str], second: Iterable[str], max_share: float) -> bool:
    """Whether each text has more than a share of quantities that the other lacks, wherever they stand: given 750 and
    asked for 4,000 is another problem than given 4,000 and asked for 750."""
    mine, theirs = (Counter(map(canonical, filter(is_quantity, tokens))) for tokens in (first, second))
    differing = min((mine - theirs).total(), (theirs - mine).total())
    return differing > max_share * min(mine.total(), theirs.total())


def merge(into: Quantities, other: Quantities) -> None:
    """Add the other's quantities, in place."""
    for context, runs in other.items():
        into.setdefault(context, set()).update(runs)


def _agree(texts: set[tuple[Run, ...]], others: set[tuple[Run, ...]]) -> bool:
    if not texts.isdisjoint(others):
        return True
    return any(_is_part(runs, more) or _is_part(more, runs) for runs in texts for more in others)


def _is_part(part: tuple[Run, ...], whole: tuple[Run, ...]) -> bool:
    """A sentence may be missing from a copy, with its numbers; never a number out of a calculation."""
    return len(part) < len(whole) and Counter(part) <= Counter(whole)
