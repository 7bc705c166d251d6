"""Columns that stages need and the store's frame lacks, since they come from the texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl
import pyarrow as pa

from tracewright.schemas.ids import hash_content

TEXT_SOURCES = ("trace_id", "text", "problem")
"""The columns of the store that they are made of."""

_KEY_BYTES = 16


def add_text_columns(frame: pl.DataFrame, tables: Iterable[pa.Table], names: Iterable[str]) -> pl.DataFrame:
    """The frame with the named columns; `tables` hold `TEXT_SOURCES` of at least its traces.

    `text_key` and `problem_key` take 16 bytes for each trace; `text` and `question_text` take what the texts take.
    """
    names = sorted(set(names) - set(frame.columns))
    if not names:
        return frame
    schema = pl.Schema({"trace_id": pl.String(), **{name: _MAKERS[name][2] for name in names}})
    made = pl.concat([pl.DataFrame(schema=schema), *(_make_columns(table, names, schema) for table in tables)])
    return frame.join(made, on="trace_id", how="left", maintain_order="left")


def hash_text(text: str) -> bytes:
    """The same for texts that differ in white space alone."""
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=_KEY_BYTES).digest()


def hash_problem(problem: dict[str, Any]) -> bytes:
    """The same for problems that ask the same: question (but for white space), options and images."""
    images = [hashlib.sha256(image["data"]).hexdigest() for image in problem["images"] or ()]
    return hash_text(hash_content(" ".join(problem["question"].split()), problem["choices"] or [], images))


def join_question(problem: dict[str, Any]) -> str:
    """The question and its options, one a line."""
    return "\n".join([problem["question"], *(problem["choices"] or [])])


_MAKERS: dict[str, tuple[str, Callable[[Any], Any], pl.DataType]] = {
    "text": ("text", str, pl.String()),
    "text_key": ("text", hash_text, pl.Binary()),
    "problem_key": ("problem", hash_problem, pl.Binary()),
    "question_text": ("problem", join_question, pl.String()),
}


def _make_columns(table: pa.Table, names: list[str], schema: pl.Schema) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {"trace_id": table["trace_id"].to_pylist()}
    for name in names:
        source, make, _ = _MAKERS[name]
        columns[name] = [make(value) for value in table[source].to_pylist()]
    return pl.DataFrame(columns, schema=schema)
