"""The columns that filters, reports and releases can name: each with its type and its meaning, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from tracewright.schemas.problem import AnswerKind
from tracewright.schemas.review import Decision
from tracewright.schemas.trace import FinishReason
from tracewright.schemas.verdict import Outcome


class ColumnKind(StrEnum):
    """What a column holds, in the words of an error message."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "true or false"
    TIME = "time"


@dataclass(frozen=True)
class Column:
    """One column of the frame."""

    name: str
    kind: ColumnKind
    meaning: str
    source: str
    """Where it is stored: a column of the shards, with dots into structs; empty for what reviews say."""
    category: bool = False
    """Whether few different texts occur, so that the frame keeps each once."""
    values: tuple[str, ...] = ()
    """All texts that can occur, where there are so few."""

    @property
    def dtype(self) -> pl.DataType:
        """Its type in the frame."""
        if self.kind is ColumnKind.TEXT:
            return pl.Categorical() if self.category else pl.String()
        return _DTYPES[self.kind]


_DTYPES: dict[ColumnKind, pl.DataType] = {
    ColumnKind.INTEGER: pl.Int64(),
    ColumnKind.NUMBER: pl.Float64(),
    ColumnKind.BOOLEAN: pl.Boolean(),
    ColumnKind.TIME: pl.Datetime("us", "UTC"),
}


def _values(kind: type[StrEnum]) -> tuple[str, ...]:
    return tuple(member.value for member in kind)


def _text(name: str, source: str, meaning: str) -> Column:
    return Column(name, ColumnKind.TEXT, meaning, source)


def _category(name: str, source: str, meaning: str, values: tuple[str, ...] = ()) -> Column:
    return Column(name, ColumnKind.TEXT, meaning, source, category=True, values=values)


def _integer(name: str, source: str, meaning: str) -> Column:
    return Column(name, ColumnKind.INTEGER, meaning, source)


def _number(name: str, source: str, meaning: str) -> Column:
    return Column(name, ColumnKind.NUMBER, meaning, source)


TRACE_COLUMNS: tuple[Column, ...] = (
    _text("trace_id", "trace_id", "the trace's id"),
    _text("problem_id", "problem.id", "the id that the problem's source gave it"),
    _text("question_hash", "question_hash", "equal for questions that differ in white space alone"),
    _category("source", "problem.source", "where the problem comes from"),
    _category("domain", "problem.domain", "the problem's field"),
    _integer("level", "problem.level", "how hard the problem is by construction"),
    _category("license", "problem.license", "the problem's licence, as an SPDX identifier"),
    _category("answer_kind", "problem.answer_kind", "how answers are compared", _values(AnswerKind)),
    _category("model", "teacher.model", "the teacher's model"),
    _category("fingerprint", "teacher.fingerprint", "the teacher's fingerprint"),
    _number("temperature", "teacher.sampling.temperature", "the sampling temperature"),
    _integer("sample", "sample", "which of the problem's samples this is, from 0"),
    _category("outcome", "verdict.outcome", "what was found out about the answer", _values(Outcome)),
    _category("method", "verdict.method", "which part of the verifier decided"),
    _number("confidence", "confidence", "the calibrated probability that the trace is right"),
    _number("min_step_confidence", "min_step_confidence", "the lowest confidence of any of its steps"),
    _integer("step_count", "step_count", "how many steps the trace has"),
    _integer("failed_steps", "failed_steps", "how many steps fail their check and are not taken back"),
    _integer("first_failed_step", "first_failed_step", "the first of these, from 0"),
    _integer("tokens", "token_count", "how many tokens the teacher wrote"),
    _integer("chars", "chars", "how many characters (code points) the text has"),
    _category("finish_reason", "finish_reason", "why the engine stopped", _values(FinishReason)),
    _category("engine", "engine", "what produced the text, with its version"),
    _number("seconds", "seconds", "from the request's submission to its last token"),
    _category("verifier_version", "verifier_version", "the version of the verifier that gave the outcome"),
    _category("checker_version", "checker_version", "the version of the checker that checked the steps"),
    _category("calibration_version", "calibration_version", "the calibration that the confidence comes from"),
    Column("created_at", ColumnKind.TIME, "when the trace was finished, in UTC", "created_at"),
)
"""What the store knows of a trace."""

REVIEW_COLUMNS: tuple[Column, ...] = (
    Column("flagged", ColumnKind.BOOLEAN, "a reviewer's decision that stands is reject or unsure", ""),
    Column("review_count", ColumnKind.INTEGER, "how many reviewers have a decision on it that stands", ""),
    _category("decision", "", "the most careful of these decisions; null for none", _values(Decision)),
)
"""What published reviews add; false, 0 and null for a trace that nobody has reviewed."""

COLUMNS: dict[str, Column] = {column.name: column for column in (*TRACE_COLUMNS, *REVIEW_COLUMNS)}
"""Every column that a filter can name, by name."""
