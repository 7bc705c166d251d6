"""Traces that hold what a benchmark asks: found by runs of words they share, with the passage as evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, model_validator

from tracewright.pipeline.config import ConfigPath
from tracewright.pipeline.curate.overlap import BenchmarkItem, OverlapIndex
from tracewright.pipeline.curate.stage import EVIDENCE, ConfiguredStage
from tracewright.pipeline.sources.jsonl import read_jsonl
from tracewright.pipeline.sources.parquet_rows import read_parquet
from tracewright.pipeline.sources.rows import Row, check_input_file
from tracewright.schemas.base import Frozen
from tracewright.schemas.errors import InputError

_FIELDS = ("question", "problem", "prompt", "text", "input")
_PARQUET_SUFFIXES = (".parquet", ".pq")


class Benchmark(Frozen):
    """A file of problems that nothing may be trained on; in a config, its path alone will do."""

    path: ConfigPath
    """JSONL, or Parquet by its suffix."""
    name: str | None = None
    """What evidence calls it; the file's name where left out."""
    field: str | None = None
    """The column with the question; `question`, `problem`, `prompt`, `text` or `input` where left out."""

    @model_validator(mode="before")
    @classmethod
    def _take_a_path(cls, given: object) -> object:
        """A path alone says enough."""
        return {"path": given} if isinstance(given, str | Path) else given

    @property
    def label(self) -> str:
        """The name."""
        return self.name or self.path.stem


class Decontamination(ConfiguredStage):
    """Keeps traces that share no run of `run_words` words with a problem of a benchmark, in question or reasoning.

    Words are compared without case, spacing, punctuation and notation (LaTeX, Unicode, Markdown); a run with another
    number is another run. A benchmark's problem that is shorter than a run matches a question that is the same as a
    whole, or that holds it with no number or sign beside it, where it has a number itself and six words or more.
    The passage and the benchmark's problem are the evidence in the rejection.
    """

    kind: Literal["decontamination"] = "decontamination"
    benchmarks: tuple[Benchmark, ...] = Field(min_length=1)
    run_words: int = Field(default=13, ge=5, le=100)
    """13 as in Brown et al. 2020 (arXiv:2005.14165), appendix C."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the frame lacks."""
        return ("question_text", "text")

    def reasons(self, rows: pl.DataFrame) -> pl.Series:
        """`shares a passage with a benchmark: NAME` for the others.

        Raises:
            MissingInputError: there is no such file.
            InputError: a file can't be read or holds no question.
        """
        index = OverlapIndex([item for benchmark in self.benchmarks for item in _read(benchmark)], self.run_words)
        texts = rows.select("question_text", "text")
        # Most traces of a store share their question with others: each is looked up once.
        questions = {question: index.find(question, whole=True) for question in texts["question_text"].unique()}
        judged: list[dict[str, Any]] = []
        for question, text in texts.iter_rows():
            found = questions[question] or index.find(text, whole=False)
            judged.append(
                {
                    "reason": f"shares a passage with a benchmark: {found.item.benchmark}" if found else None,
                    EVIDENCE: found.describe() if found else None,
                    "shared_words": float(found.words) if found else None,
                }
            )
        fields = {"reason": pl.String, EVIDENCE: pl.String, "shared_words": pl.Float64}
        return pl.Series(judged, dtype=pl.Struct(fields))

    def describe(self) -> dict[str, Any]:
        """The settings with each file's name and hash in the place of its path: the same on every machine."""
        files = [{"name": one.label, "sha256": _hash(one.path)} for one in self.benchmarks]
        return {"kind": self.kind, "run_words": self.run_words, "benchmarks": files}


def _read(benchmark: Benchmark) -> Iterator[BenchmarkItem]:
    check_input_file(benchmark.path)
    is_parquet = benchmark.path.suffix.lower() in _PARQUET_SUFFIXES
    rows = read_parquet(benchmark.path) if is_parquet else read_jsonl(benchmark.path)
    fields = (benchmark.field,) if benchmark.field else _FIELDS
    count = 0
    for row in rows:
        text = _question(row, fields) if isinstance(row, Row) else None
        if text is None:
            place = row.place if isinstance(row, Row) else row.subject
            raise InputError(
                f"{place} holds no question under {', '.join(fields)}: a benchmark that is read in part would let the "
                "rest through; mend the row or name the column under `field`"
            )
        count += 1
        yield BenchmarkItem(benchmark.label, count, text)
    if not count:
        raise InputError(f"{benchmark.path} holds no problem: was it written completely?")


def _question(row: Row, fields: tuple[str, ...]) -> str | None:
    given = (row.values.get(field) for field in fields)
    return next((str(value) for value in given if isinstance(value, str) and value.strip()), None)


def _hash(path: Path) -> str:
    check_input_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
