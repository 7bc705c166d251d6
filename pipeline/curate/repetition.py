"""Texts that say the same again and again, as a model does that has lost its way."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from tracewright.pipeline.curate.stage import ConfiguredStage
from tracewright.pipeline.duplicates.shingles import hash_runs
from tracewright.pipeline.duplicates.tokens import Vocabulary, tokenize
from tracewright.schemas.base import Probability


class Repetition(ConfiguredStage):
    """Keeps traces of whose runs of words no more than a share have come before in the same text.

    A run is `run_words` consecutive words, numbers and signs. Digit-by-digit arithmetic repeats short runs; a loop
    repeats long ones (Rae et al. 2021, arXiv:2112.11446, filter web text by runs of 5 to 10 words).
    """

    kind: Literal["repetition"] = "repetition"
    run_words: int = Field(default=10, ge=2, le=100)
    max_repeated_share: Probability = 0.3

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the frame lacks."""
        return ("text",)

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`says the same again and again` for the others, with `repeated_share`."""
        shares = pl.Series("repeated_share", repeated_shares(rows["text"].to_list(), self.run_words), dtype=pl.Float64)
        away = pl.col("repeated_share") > self.max_repeated_share
        reason = pl.when(away).then(pl.lit("says the same again and again")).alias("reason")
        return shares.to_frame().select(pl.struct(reason, "repeated_share")).to_series()


def repeated_shares(texts: list[str], run_words: int) -> list[float]:
    """For each text, the share of its runs of words that stand earlier in it too."""
    vocabulary = Vocabulary()
    shares: list[float] = []
    for text in texts:
        runs = hash_runs([vocabulary.hash_all(tokenize(text))], run_words).values
        shares.append(1 - len(np.unique(runs)) / len(runs) if len(runs) else 0.0)
    return shares
