"""The rows of one table that wait for their shard: first as models, then as Arrow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

import pyarrow as pa

from tracewright.pipeline.store.shards import ShardAppender
from tracewright.pipeline.store.table import ModelT, TableKind
from tracewright.pipeline.store.top_logprobs import TopLogprobs
from tracewright.schemas.arrow import arrow_schema, to_table
from tracewright.schemas.errors import InputError

_CHUNK_ROWS = 50
"""Models become Arrow so many at a time: Arrow takes a tenth of their memory, and no shard stalls the engine."""


@dataclass(frozen=True)
class ShardLimits:
    """When a shard is committed: whichever comes first."""

    rows: int = 2_000
    size_bytes: int = 64 * 2**20
    """In memory, as Arrow."""
    seconds: float = 30.0
    """Since the shard's first row; looked at whenever a row is added."""


class Lane(Generic[ModelT]):
    """Collects rows for one table's next shard, each id once."""

    def __init__(self, appender: ShardAppender[ModelT], kind: TableKind[ModelT], limits: ShardLimits) -> None:
        self._appender = appender
        self._kind = kind
        self._limits = limits
        self._clear()

    def holds(self, key: str) -> bool:
        """Whether the row is stored."""
        return key in self._appender.ids

    def awaits(self, key: str) -> bool:
        """Whether the row waits for its shard."""
        return key in self._waiting

    def add(self, row: ModelT, key: str, record: int | None, top_logprobs: TopLogprobs | None = None) -> None:
        """Take a row that is neither stored nor waiting, the number of its record in the journal, and what is to lie
        beside its shard."""
        self._begin([key])
        self._take_top_logprobs({key: top_logprobs} if top_logprobs is not None else {})
        if record is not None:
            self._records.append(record)
        self._models.append(row)
        if len(self._models) >= _CHUNK_ROWS:
            self._to_arrow()

    def add_record(self, record: int) -> None:
        """Settle one more record with the next shard: another completion of a row that waits."""
        self._records.append(record)

    def add_table(self, rows: pa.Table, top_logprobs: Mapping[str, TopLogprobs] | None = None) -> int:
        """Take those rows that are neither stored nor waiting, with what is to lie beside them; how many they were.

        Raises:
            InputError: the columns are not the model's, or a row has no id.
        """
        rows = self._keep_new(self._conform(rows))
        keys = rows[self._kind.key].to_pylist()
        self._begin(keys)
        if top_logprobs:
            self._take_top_logprobs({key: top_logprobs[key] for key in keys if key in top_logprobs})
        self._take(rows)
        return rows.num_rows

    @property
    def is_due(self) -> bool:
        """Whether a limit is reached."""
        return bool(self._rows) and (
            self._rows >= self._limits.rows
            or self._size_bytes >= self._limits.size_bytes
            or time.monotonic() - self._since >= self._limits.seconds
        )

    def commit(self) -> list[int]:
        """Store what waits, as one shard; the numbers of the records that are settled by it.

        Raises:
            StoreError: nothing of it is stored, and all of it still waits.
        """
        self._to_arrow()
        if self._tables:
            self._appender.append(pa.concat_tables(self._tables), self._top_logprobs)
        settled = self._records
        self._clear()
        return settled

    def _clear(self) -> None:
        self._waiting: set[str] = set()
        self._records: list[int] = []
        self._models: list[ModelT] = []
        self._tables: list[pa.Table] = []
        self._top_logprobs: dict[str, TopLogprobs] = {}
        self._rows = 0
        self._size_bytes = 0
        self._since = 0.0

    def _begin(self, keys: list[str]) -> None:
        if not self._rows:
            self._since = time.monotonic()
        self._waiting.update(keys)
        self._rows += len(keys)

    def _take_top_logprobs(self, found: Mapping[str, TopLogprobs]) -> None:
        self._top_logprobs.update(found)
        self._size_bytes += sum(one.nbytes for one in found.values())

    def _to_arrow(self) -> None:
        if self._models:
            self._take(to_table(self._kind.model, self._models))
            self._models = []

    def _take(self, rows: pa.Table) -> None:
        if rows.num_rows == 0:
            return
        derived = self._kind.facts.derive(rows)
        for extra in self._kind.facts.fields:
            rows = rows.append_column(extra, derived[extra.name])
        self._size_bytes += rows.nbytes
        self._tables.append(rows)

    def _conform(self, rows: pa.Table) -> pa.Table:
        expected = arrow_schema(self._kind.model)
        if not rows.schema.equals(expected):
            differing = sorted({f.name for f in set(rows.schema) ^ set(expected)})
            raise InputError(
                f"a table of {self._kind.model.__name__} rows has other columns than expected "
                f"({', '.join(differing) or 'in another order'}): build it with `to_table` or cast it to `arrow_schema`"
            )
        if rows[self._kind.key].null_count:
            raise InputError(f"{rows[self._kind.key].null_count} rows have no `{self._kind.key}`: every row needs one")
        return rows.replace_schema_metadata(expected.metadata)

    def _keep_new(self, rows: pa.Table) -> pa.Table:
        fresh: dict[str, int] = {}
        for index, key in enumerate(rows[self._kind.key].to_pylist()):
            if key not in fresh and not self.holds(key) and not self.awaits(key):
                fresh[key] = index
        return rows if len(fresh) == rows.num_rows else rows.take(pa.array(list(fresh.values()), pa.int64()))
