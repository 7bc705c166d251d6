"""How hard each problem is for a teacher: the share of its traces that came out correct."""

from __future__ import annotations

import io

import polars as pl

from tracewright.pipeline.store import Store
from tracewright.pipeline.store.disk import make_folder, write_durably
from tracewright.schemas import Outcome

FOLDER = "difficulty"


def measure_difficulty(store: Store, fingerprint: str) -> pl.DataFrame:
    """One row a problem that the teacher has judged traces of, the hardest first: `source`, `problem_id`,
    `question_hash`, `samples`, `correct`, `pass_rate` and `difficulty`, which is 1 − `pass_rate`.

    Traces whose answers could not be checked count neither way, and attempts are no traces.
    """
    own = store.frame().filter(pl.col("fingerprint") == fingerprint)
    judged = own.filter(pl.col("outcome").is_in([Outcome.CORRECT.value, Outcome.INCORRECT.value]))
    keys = ["source", "problem_id", "question_hash"]
    counted = judged.group_by(keys).agg(
        samples=pl.len().cast(pl.Int64), correct=(pl.col("outcome") == Outcome.CORRECT.value).sum().cast(pl.Int64)
    )
    rate = pl.col("correct") / pl.col("samples")
    measured = counted.with_columns(pass_rate=rate, difficulty=1 - rate)
    return measured.sort("difficulty", *keys, descending=[True, False, False, False])


def write_difficulty(store: Store, fingerprint: str) -> pl.DataFrame:
    """Measure, and keep it as `STORE/difficulty/FINGERPRINT.parquet`, whole or as it was.

    Raises:
        StoreError: the disk is full or can't be written.
    """
    measured = measure_difficulty(store, fingerprint)
    folder = store.path / FOLDER
    make_folder(folder)
    buffer = io.BytesIO()
    measured.write_parquet(buffer)
    write_durably(folder / f"{fingerprint}.parquet", buffer.getvalue())
    return measured
