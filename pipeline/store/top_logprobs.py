"""The teacher's likeliest tokens at every place of a trace: a Parquet file of its own beside a shard.

`STORE/logprobs/SHARD.parquet` has the shard's rows in its order, written and synced before the shard is committed under
the same name; so a file whose shard was never committed is swept with it. Numbers are found by trace and by a hash of
its tokens, so they stay good when the shard is rescored or joined with others. For each of a completion's n tokens, its
end included: the k likeliest tokens with their logprobs at temperature 1, the drawn token's logprob and the probability
of all other tokens. The metadata under `tracewright.logprobs` names k, the tokenizer, its vocabulary and the teacher.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.store.disk import explain_disk_errors, make_folder, write_durably
from tracewright.pipeline.store.objects import open_parquet
from tracewright.schemas.ids import make_id

FOLDER = "logprobs"
SETTINGS_KEY = b"tracewright.logprobs"
_ROW_GROUP_ROWS = 500
_MAX_LOGPROB = 0.0
_MIN_LOGPROB = -65_000.0
"""What a 16-bit float holds; engines give less for tokens that can't come."""


@dataclass(frozen=True)
class TopSettings:
    """Whose numbers they are."""

    k: int
    tokenizer_hash: str
    vocabulary: int
    """The number of real tokens."""
    teacher_revision: str
    temperatures: tuple[float, ...] = ()
    """Loss temperatures with normalisers of their own: none, an engine gives a top-k alone; 1 needs none."""


@dataclass(frozen=True)
class TopLogprobs:
    """One trace's. n tokens, k of the likeliest at each."""

    token_hash: str
    settings: TopSettings
    top_tokens_n_k: np.ndarray
    """uint32."""
    top_logprobs_n_k: np.ndarray
    """float16."""
    drawn_logprobs_n: np.ndarray
    """float16."""
    tail_mass_n: np.ndarray
    """float32: 1 − Σ p of the k."""

    @property
    def nbytes(self) -> int:
        """In memory."""
        numbers = (self.top_tokens_n_k, self.top_logprobs_n_k, self.drawn_logprobs_n, self.tail_mass_n)
        return sum(one.nbytes for one in numbers)


def make_top_logprobs(
    tokens: Sequence[int],
    drawn: Sequence[float],
    top_tokens: Sequence[Sequence[int]],
    top_logprobs: Sequence[Sequence[float]],
    settings: TopSettings,
) -> TopLogprobs:
    """A trace's numbers as they are stored.

    Raises:
        ValueError: a place has another number of likeliest tokens than k.
    """
    logprobs = np.asarray(top_logprobs, np.float64).reshape(len(tokens), settings.k)
    return TopLogprobs(
        token_hash=hash_tokens(tokens),
        settings=settings,
        top_tokens_n_k=np.asarray(top_tokens, np.uint32).reshape(len(tokens), settings.k),
        top_logprobs_n_k=logprobs.clip(_MIN_LOGPROB, _MAX_LOGPROB).astype(np.float16),
        drawn_logprobs_n=np.asarray(drawn, np.float64).clip(_MIN_LOGPROB, _MAX_LOGPROB).astype(np.float16),
        tail_mass_n=(1.0 - np.exp(logprobs).sum(axis=1)).clip(0.0, 1.0).astype(np.float32),
    )


def hash_tokens(tokens: Sequence[int]) -> str:
    """Of a completion with its end, so that numbers are never taken for those of other tokens."""
    return make_id("tokens", list(tokens))


class TopLogprobsFolder:
    """The files of one store. Written under the store's commit lock."""

    def __init__(self, root: Path) -> None:
        self.path = root / FOLDER

    def write(self, shard: str, trace_ids: Sequence[str], rows: Mapping[str, TopLogprobs]) -> None:
        """Write the file that belongs to a shard, durably; one for each teacher or k among the rows, as a rule one.

        Raises:
            StoreError: the disk is full or can't be written.
        """
        groups = dict.fromkeys(rows[trace_id].settings for trace_id in trace_ids if trace_id in rows)
        for place, settings in enumerate(groups):
            own = {key: row for key, row in rows.items() if row.settings == settings}
            make_folder(self.path)
            name = shard if place == 0 else f"{shard.removesuffix('.parquet')}.{place}.parquet"
            write_durably(self.path / name, memoryview(encode(trace_ids, own, settings)))

    def files(self) -> list[Path]:
        """All of them, the oldest first."""
        return sorted(self.path.glob("[0-9]*.parquet"))

    def iter_tables(self, trace_ids: Collection[str]) -> Iterator[pa.Table]:
        """The rows of these traces, a file at a time, each with its settings as metadata.

        A trace that was committed twice to the disk and once to the store has its row twice: compare `token_hash`.
        """
        wanted = set(trace_ids)
        for path in self.files():
            with explain_disk_errors(path, "reading"):
                file = open_parquet(path)
                ids = file.read(["trace_id"])["trace_id"].to_pylist()
                places = [place for place, trace_id in enumerate(ids) if trace_id in wanted]
                if places:
                    rows = file.read().take(pa.array(places, pa.int64()))
                    yield rows.filter(rows["token_hash"].is_valid())

    def remove(self, trace_ids: Collection[str]) -> None:
        """Take traces out of every file: for takedowns; a file with nothing else goes.

        Raises:
            StoreError: the disk is full or failing; run it again.
        """
        unwanted = set(trace_ids)
        for path in self.files():
            with explain_disk_errors(path, "cutting rows out of"):
                table = open_parquet(path).read()
            kept = [place for place, one in enumerate(table["trace_id"].to_pylist()) if one not in unwanted]
            if not kept:
                path.unlink(missing_ok=True)
            elif len(kept) < table.num_rows:
                write_durably(path, memoryview(_encode_table(table.take(pa.array(kept, pa.int64())))))


def encode(trace_ids: Sequence[str], rows: Mapping[str, TopLogprobs], settings: TopSettings) -> bytes:
    """The file: 32-bit ids, 16-bit logprobs, bytes apart; null for a trace without numbers."""
    found = [rows.get(trace_id) for trace_id in trace_ids]
    columns = {
        "trace_id": pa.array(trace_ids, pa.string()),
        "token_hash": pa.array([row and row.token_hash for row in found], pa.string()),
        "top_tokens": _nest([row and row.top_tokens_n_k for row in found], settings.k, np.uint32),
        "top_logprobs": _nest([row and row.top_logprobs_n_k for row in found], settings.k, np.float16),
        "drawn_logprobs": _nest([row and row.drawn_logprobs_n for row in found], 1, np.float16),
        "tail_mass": _nest([row and row.tail_mass_n for row in found], 1, np.float32),
    }
    metadata = {SETTINGS_KEY: json.dumps(asdict(settings)).encode()}
    return _encode_table(pa.table(columns).replace_schema_metadata(metadata))


def number_columns(schema: pa.Schema) -> list[str]:
    """The columns whose bytes compress better apart, by the paths that Parquet gives them."""
    return [f"{field.name}.list.element.list.element" for field in schema if pa.types.is_list(field.type)]


def _encode_table(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options: dict[str, Any] = {"use_dictionary": False, "use_byte_stream_split": number_columns(table.schema)}
    pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP_ROWS, **options)
    return sink.getvalue().to_pybytes()


def _nest(rows: Sequence[np.ndarray | None], width: int, kind: Any) -> pa.Array:
    """A list of n lists of `width` numbers for each row, or null."""
    lengths = [0 if row is None else len(row) for row in rows]
    parts = [row.reshape(-1) for row in rows if row is not None]
    flat = np.concatenate([np.empty(0, kind), *parts]).astype(kind, copy=False)
    inner = pa.FixedSizeListArray.from_arrays(pa.array(flat), width)
    places = np.cumsum([0, *lengths]).tolist()
    starts = [None if row is None else start for row, start in zip(rows, places, strict=False)]
    return pa.ListArray.from_arrays(pa.array([*starts, places[-1]], pa.int32()), inner)
