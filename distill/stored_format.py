"""The file that the teacher's logprobs are stored in.

A Parquet file beside each data file of a release, same rows in the same order, keyed by trace and by a hash of its
tokens. For each token of a completion, its end included: the k likeliest tokens with their logprobs at temperature 1,
the logprob of the token that was drawn, and log Σ p^(1/T) for each loss temperature T that is to be learnt at. From
these the distribution at T over the k tokens and a bucket for all others is exact, but for 16-bit floats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tracewright.schemas import IntegrityError, make_id

_SETTINGS = b"tracewright.logprobs"
_NUMBERS = ("top_tokens", "top_logprobs", "drawn_logprobs", "normalisers")
"""Columns whose bytes compress better apart: the high ones hardly change."""
_ROW_GROUP_ROWS = 500


@dataclass(frozen=True)
class StoredSettings:
    """How the numbers of a file were made."""

    k: int
    temperatures: tuple[float, ...]
    """Those that normalisers are stored for; 1 needs none."""
    tokenizer_hash: str
    vocabulary: int
    """The number of real tokens."""
    teacher_revision: str

    @classmethod
    def of(cls, table: pa.Table) -> StoredSettings:
        """A table's.

        Raises:
            IntegrityError: it has none.
        """
        text = (table.schema.metadata or {}).get(_SETTINGS)
        if text is None:
            raise IntegrityError(
                "a logprobs file does not say how its numbers were made, expected metadata under "
                f"{_SETTINGS.decode()}: take an intact copy of the release, or make it again"
            )
        known: dict[str, Any] = json.loads(text)
        known["temperatures"] = tuple(known["temperatures"])
        return cls(**known)


@dataclass(frozen=True)
class TraceLogprobs:
    """One completion's. n tokens, K of them kept at each place, T temperatures."""

    trace_id: str
    tokens: Sequence[int]
    """Of the completion, its end included: hashed, not stored."""
    top_tokens_n_K: np.ndarray
    top_logprobs_n_K: np.ndarray
    drawn_logprobs_n: np.ndarray
    normalisers_n_T: np.ndarray


def hash_tokens(tokens: Sequence[int]) -> str:
    """Of a completion, so that numbers are never learnt at other places than they were made for."""
    return make_id("tokens", list(tokens))


def measure_logprobs(
    trace_id: str, tokens: Sequence[int], logits_n_V: torch.Tensor, settings: StoredSettings
) -> TraceLogprobs:
    """What is stored of a completion, from the logits of the real tokens at its places."""
    logprobs = torch.log_softmax(logits_n_V.double(), dim=-1)
    top = logprobs.topk(settings.k, dim=-1)
    drawn = logprobs.gather(-1, torch.tensor(tokens)[:, None])[:, 0]
    normalisers = np.stack(
        [torch.logsumexp(logprobs / temperature, dim=-1).numpy() for temperature in settings.temperatures] or [drawn],
        axis=-1,
    )[:, : len(settings.temperatures)]
    return TraceLogprobs(trace_id, tokens, top.indices.numpy(), top.values.numpy(), drawn.numpy(), normalisers)


def write_logprobs(path: Path, rows: Iterable[TraceLogprobs], settings: StoredSettings) -> None:
    """Write the file: ids as 32-bit whole numbers, logprobs as 16-bit floats, zstd."""
    metadata = {_SETTINGS: json.dumps(asdict(settings)).encode()}
    table = pa.concat_tables([_encode(row) for row in rows]).replace_schema_metadata(metadata)
    settings_of_columns: dict[str, Any] = {
        "use_dictionary": ["trace_id"],
        "use_byte_stream_split": [name for name in _leaves(table.schema) if name.split(".")[0] in _NUMBERS],
    }
    pq.write_table(table, path, compression="zstd", row_group_size=_ROW_GROUP_ROWS, **settings_of_columns)


def _encode(row: TraceLogprobs) -> pa.Table:
    columns = {
        "trace_id": pa.array([row.trace_id]),
        "token_hash": pa.array([hash_tokens(row.tokens)]),
        "top_tokens": _nest(row.top_tokens_n_K.astype(np.uint32)),
        "top_logprobs": _nest(row.top_logprobs_n_K.astype(np.float16)),
        "drawn_logprobs": _nest(row.drawn_logprobs_n.astype(np.float16)[:, None]),
        "normalisers": _nest(row.normalisers_n_T.astype(np.float32)),
    }
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _nest(numbers_n_K: np.ndarray) -> pa.Array | None:
    """One row: a list of so many lists of K numbers; None where K is 0."""
    length, width = numbers_n_K.shape
    if not width:
        return None
    inner = pa.FixedSizeListArray.from_arrays(pa.array(numbers_n_K.reshape(-1)), width)
    return pa.ListArray.from_arrays(pa.array([0, length], pa.int32()), inner)


def _leaves(schema: pa.Schema) -> list[str]:
    """The paths of a file's columns, as Parquet calls them."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    found = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [found.column(index).path for index in range(len(found))]
