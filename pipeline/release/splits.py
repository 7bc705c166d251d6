"""Which problem is in `train` and which in `test`, so that nothing leaks from one to the other.

The split goes by clusters of problems that ask nearly the same, and a cluster is in one split whole. The held-out tenth
of all problems is always in `test`, and so is whatever asks nearly the same as one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa

from tracewright.pipeline.release.rows import nested
from tracewright.schemas.ids import HELD_OUT_SHARE, hash_to_unit, is_held_out

TRAIN, TEST = "train", "test"
SPLITS = (TRAIN, TEST)

Cluster = Callable[[Sequence[str]], Sequence[int]]
"""From questions to a number for each: the same for those that belong together."""


def plan_splits(
    questions: Iterable[str], *, test_share: float, seed: int, cluster: Cluster | None = None
) -> dict[str, str]:
    """The split of every question, by its text with single spaces. The same questions in another order give the same.

    Args:
        questions: the questions of all traces that could leak into each other.
        test_share: the share meant for `test`, of which the held-out tenth is always a part.
        seed: decides which further clusters are in `test`.
        cluster: what belongs together; None takes every text for itself.
    """
    texts = sorted({normalise(question) for question in questions})
    members: dict[int, list[str]] = defaultdict(list)
    for text, number in zip(texts, cluster(texts) if cluster else range(len(texts)), strict=True):
        members[number].append(text)
    splits: dict[str, str] = {}
    for together in members.values():
        splits.update(dict.fromkeys(together, _split_of(together, test_share, seed)))
    return splits


def splits_of(traces: pa.Table, plan: Mapping[str, str]) -> pa.Array:
    """The split of each trace, looked up once for each different question."""
    encoded = nested(traces, "problem", "question").dictionary_encode()
    splits = [plan[normalise(question)] for question in encoded.dictionary.to_pylist()]
    return pa.array(splits, pa.string()).take(encoded.indices)


def different_questions(tables: Iterable[pa.Table]) -> set[str]:
    """The questions of all traces, each once; the tables hold the column `problem.question`."""
    return {question for table in tables for question in table["problem.question"].unique().to_pylist()}


def normalise(question: str) -> str:
    """The same for questions that differ in white space alone."""
    return " ".join(question.split())


def _split_of(together: Sequence[str], test_share: float, seed: int) -> str:
    further = max(0.0, (test_share - HELD_OUT_SHARE) / (1 - HELD_OUT_SHARE))
    if any(map(is_held_out, together)) or hash_to_unit("split", seed, together[0]) < further:
        return TEST
    return TRAIN
