"""The best few different traces of each problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl
from pydantic import Field

from tracewright.pipeline.curate.stage import EVIDENCE, ConfiguredStage
from tracewright.pipeline.duplicates.settings import SHINGLE_TOKENS
from tracewright.pipeline.duplicates.shingles import hash_runs
from tracewright.pipeline.duplicates.tokens import Vocabulary, tokenize
from tracewright.schemas.base import Probability
from tracewright.schemas.verdict import Outcome

_ENOUGH = "its problem has enough better traces"
_ALIKE = "too much like a better trace of its problem"


class BestOfProblem(ConfiguredStage):
    """Keeps up to `count` traces of each problem, the best that are different from one another.

    Better is: correct; then more confident; then without failing steps; then shorter; then the lower sample and id.
    Two are different where their shingles of 3 words have a Jaccard similarity of at most `max_similarity`; a number
    is a word here.
    """

    kind: Literal["best_of_problem"] = "best_of_problem"
    count: int = Field(default=4, ge=1)
    max_similarity: Probability = 0.9

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the frame lacks."""
        return ("problem_key", "text")

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`its problem has enough better traces` or `too much like a better trace of its problem` for the others."""
        placed = rows.with_row_index("place")
        order = placed.sort(
            "problem_key",
            pl.col("outcome").cast(pl.String) != Outcome.CORRECT.value,
            -pl.col("confidence").fill_null(-1.0),
            pl.col("failed_steps"),
            pl.col("chars"),
            "sample",
            "trace_id",
        )
        judged: list[tuple[int, str | None, str | None]] = []
        for _, group in order.group_by("problem_key", maintain_order=True):
            judged += self._judge(group)
        schema = {"place": pl.UInt32, "reason": pl.String, EVIDENCE: pl.String}
        found = pl.DataFrame(judged, schema=schema, orient="row").sort("place")
        return found.select(pl.struct("reason", EVIDENCE)).to_series()

    def _judge(self, group: pl.DataFrame) -> list[tuple[int, str | None, str | None]]:
        kept: list[tuple[str, frozenset[int]]] = []
        judged: list[tuple[int, str | None, str | None]] = []
        shingles = _shingle_sets(group["text"].to_list())
        for place, trace_id, mine in zip(group["place"], group["trace_id"], shingles, strict=True):
            alike = next((other for other, theirs in kept if _similarity(mine, theirs) > self.max_similarity), None)
            if alike is not None:
                judged.append((place, _ALIKE, f"kept trace: {alike}"))
            elif len(kept) >= self.count:
                judged.append((place, _ENOUGH, None))
            else:
                kept.append((trace_id, mine))
                judged.append((place, None, None))
        return judged


def _shingle_sets(texts: Sequence[str]) -> list[frozenset[int]]:
    vocabulary = Vocabulary()
    runs = hash_runs([vocabulary.hash_all(tokenize(text)) for text in texts], SHINGLE_TOKENS)
    return [frozenset(runs.of(place).tolist()) for place in range(len(texts))]


def _similarity(first: frozenset[int], second: frozenset[int]) -> float:
    shared = len(first & second)
    everything = len(first) + len(second) - shared
    return shared / everything if everything else 1.0
