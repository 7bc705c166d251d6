"""Columns that are stored beside a model's own, so that filters and reports never read the steps to know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracewright.schemas.ids import make_id
from tracewright.schemas.trace import Attempt
from tracewright.schemas.verdict import CheckOutcome


@dataclass(frozen=True)
class Facts:
    """The extra columns of one table and how they follow from its rows."""

    fields: tuple[pa.Field, ...]
    derive: Callable[[pa.Table], Mapping[str, pa.Array]]


NO_FACTS = Facts((), lambda table: {})


def make_attempt_id(attempt: Attempt) -> str:
    """What makes two attempts the same one: the trace they would have been, their limit, and what came of them."""
    return make_id("attempt", attempt.trace_id, attempt.kind, attempt.max_tokens, attempt.text, attempt.reason)


def hash_question(question: str) -> str:
    """The same for two questions that differ in white space alone."""
    return make_id("question", " ".join(question.split()))


def _derive_trace_facts(table: pa.Table) -> dict[str, pa.Array]:
    steps = _combine(table["steps"])
    failed = _failed_steps(steps)
    return {
        "chars": pc.call_function("utf8_length", [_combine(table["text"])]).cast(pa.int64()),
        "step_count": steps.value_lengths().cast(pa.int64()),
        "min_step_confidence": _min_step_confidence(steps),
        "failed_steps": failed.value_lengths().cast(pa.int64()),
        "first_failed_step": _first_of_each(failed),
        "question_hash": _hash_questions(_combine(table["problem"]).field("question")),
    }


def _combine(column: pa.ChunkedArray) -> pa.Array:
    """One array, at offset 0 (copied if need be): `StructArray.field` does not see a slice's offset."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _min_step_confidence(steps: pa.ListArray) -> pa.Array:
    """Null for a trace without a confident step."""
    numbers = steps.flatten().field("confidence").to_numpy(zero_copy_only=False).astype(np.float64)
    filled = steps.value_lengths().to_numpy() > 0
    lowest = np.full(len(steps), np.nan)
    if filled.any():
        lowest[filled] = np.fmin.reduceat(numbers, _starts(steps)[filled])
    return pa.array(lowest, pa.float64(), from_pandas=True)


def _failed_steps(steps: pa.ListArray) -> pa.ListArray:
    """For each trace the indices of the steps that fail and that the author does not take back."""
    flat = steps.flatten()
    parents = np.repeat(np.arange(len(steps)), steps.value_lengths().to_numpy())
    fails = pc.call_function("equal", [flat.field("check").field("outcome"), pa.scalar(CheckOutcome.FAILS.value)])
    standing = fails.to_numpy(zero_copy_only=False) & flat.field("corrected_by").is_null().to_numpy(
        zero_copy_only=False
    )
    (places,) = np.nonzero(standing)
    counts = np.bincount(parents[places], minlength=len(steps))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(places - _starts(steps)[parents[places]], pa.int64()))


def _starts(lists: pa.ListArray) -> np.ndarray:
    """Where each list starts in the flattened values."""
    return np.concatenate([[0], np.cumsum(lists.value_lengths().to_numpy())])[:-1]


def _first_of_each(lists: pa.ListArray) -> pa.Array:
    offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
    empty = offsets[:-1] == offsets[1:]
    if len(values) == 0:
        return pa.nulls(len(lists), pa.int64())
    firsts = values[np.minimum(offsets[:-1], len(values) - 1)]
    return pa.array(firsts, pa.int64(), mask=empty)


def _hash_questions(questions: pa.Array) -> pa.Array:
    """Hashed once for each different question: samples of one problem share it."""
    encoded = questions.dictionary_encode()
    hashes = pa.array([hash_question(question) for question in encoded.dictionary.to_pylist()], pa.string())
    return hashes.take(encoded.indices)


def _derive_attempt_facts(table: pa.Table) -> dict[str, pa.Array]:
    names = ("trace_id", "kind", "max_tokens", "text", "reason")
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    return {"attempt_id": pa.array([make_id("attempt", *row) for row in rows], pa.string())}


TRACE_FACTS = Facts(
    (
        pa.field("chars", pa.int64()),
        pa.field("step_count", pa.int64()),
        pa.field("min_step_confidence", pa.float64()),
        pa.field("failed_steps", pa.int64()),
        pa.field("first_failed_step", pa.int64()),
        pa.field("question_hash", pa.string()),
    ),
    _derive_trace_facts,
)
ATTEMPT_FACTS = Facts((pa.field("attempt_id", pa.string()),), _derive_attempt_facts)
