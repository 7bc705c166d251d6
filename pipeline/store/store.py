"""The store: a folder that holds every trace, attempt and rejection in versioned tables."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tracewright.pipeline.exporting import Exported, export_traces, label_traces
from tracewright.pipeline.filter import Filter
from tracewright.pipeline.filter.columns import COLUMNS, TRACE_COLUMNS, Column
from tracewright.pipeline.store.attempt_marks import AttemptMarks
from tracewright.pipeline.store.compaction import Compaction, CompactionLimits, compact_table
from tracewright.pipeline.store.disk import explain_disk_errors, make_folder, write_durably
from tracewright.pipeline.store.facts import ATTEMPT_FACTS, TRACE_FACTS
from tracewright.pipeline.store.failpoints import Failpoint, reach
from tracewright.pipeline.store.lane import ShardLimits
from tracewright.pipeline.store.locks import COMMIT_LOCK, VERSIONS_LOCK, hold
from tracewright.pipeline.store.objects import local_folder, to_place
from tracewright.pipeline.store.reading import iter_rows, read_columns, read_frame
from tracewright.pipeline.store.reviews import REVIEWS, Publication, ReviewLog
from tracewright.pipeline.store.rewriter import TraceRewriter
from tracewright.pipeline.store.standing import Standing, add_review_columns, settle_reviews
from tracewright.pipeline.store.table import Commit, ModelTable, StoredFile, TableKind
from tracewright.pipeline.store.takedowns import Takedowns
from tracewright.pipeline.store.top_logprobs import TopLogprobsFolder
from tracewright.pipeline.store.upgrading import Upgrade, upgrade_table
from tracewright.pipeline.store.vacuum import Vacuum, vacuum_table
from tracewright.pipeline.store.writer import StoreTables, TraceWriter
from tracewright.schemas.errors import InputError, MissingInputError, StoreError
from tracewright.schemas.migrations import SCHEMA_VERSION, check_version
from tracewright.schemas.review import PublishedReview
from tracewright.schemas.teacher import TeacherRef
from tracewright.schemas.trace import Attempt, AttemptKind, Rejection, Trace
from tracewright.schemas.verdict import Outcome

MARKER = "store.json"
FORMAT = "tracewright-store/1"
LOCKS = "locks"
JOURNAL = "journal"
FOLDERS = ("slices", "calibration", "releases", "removals", "logs", JOURNAL, LOCKS)
"""Beside the tables `traces`, `attempts` and `rejects`, and `reviews` once reviews are published."""

TRACES = TableKind("traces", Trace, "trace_id", TRACE_FACTS)
ATTEMPTS = TableKind("attempts", Attempt, "attempt_id", ATTEMPT_FACTS)
REJECTIONS = TableKind("rejects", Rejection, "rejection_id")

_WRITER_NAME = re.compile(r"[a-z0-9_]{1,40}")


class Store:
    """A store on a disk, or on S3 (`s3://BUCKET/PREFIX`, see `objects`).

    Readers take no lock and see the newest committed version, or the one they name.
    """

    def __init__(self, path: Path) -> None:
        """Use `Store.open`."""
        self.path = path
        self.local = local_folder(path)
        """The store itself; for one on S3 the folder of this machine that has its locks, journals and logs."""
        self._tables = StoreTables(ModelTable(path, TRACES), ModelTable(path, ATTEMPTS), ModelTable(path, REJECTIONS))
        self.top_logprobs = TopLogprobsFolder(path)
        self.reviews = ReviewLog(path, self.local / LOCKS)
        self.removals = Takedowns(
            path, self.local / LOCKS, (self._tables.traces, self._tables.attempts, self.reviews.table)
        )

    @classmethod
    def open(cls, path: str | Path, create: bool = False) -> Store:
        """The store in a folder; with `create`, one is made where there is none.

        Raises:
            MissingInputError: there is no store and `create` is False.
            SchemaVersionError: a newer tracewright wrote the store.
            StoreError: the folder can't be written, or holds something else.
        """
        path = to_place(path)
        store = cls(path)
        if create:
            store._create()
        elif not store._has_marker():
            raise MissingInputError(
                f"there is no store at {path}: make one with `tracewright generate` or `tracewright import`"
            )
        store._check_marker()
        if store.local != path:
            store._make_local_folders()
        return store

    @classmethod
    def is_there(cls, path: str | Path) -> bool:
        """Whether there is a store in the folder."""
        return cls(to_place(path))._has_marker()

    def writer(self, name: str = "main", limits: ShardLimits | None = None) -> TraceWriter:
        """The one writer of that name, to be used in a `with` block.

        Writers of different names may work at once; each has a journal of its own, and no row is stored twice.

        Raises:
            StoreError: a writer of that name is at work, or the store can't be written.
        """
        if not _WRITER_NAME.fullmatch(name):
            raise InputError(f"{name!r} can't name a writer: use up to 40 of a–z, 0–9 and _")
        self._make_tables()
        return TraceWriter(self._tables, self.local / LOCKS, self.local / JOURNAL / name, name, limits or ShardLimits())

    def rewriter(self, name: str = "rescore") -> TraceRewriter:
        """What puts traces that were scored anew in the place of the old rows, to be used in a `with` block.

        Raises:
            StoreError: a rewriter of that name is at work, or the store can't be written.
        """
        self.check_no_removal()
        self._make_tables()
        return TraceRewriter(self._tables.traces, self.local / LOCKS, name)

    def compact(self, limits: CompactionLimits | None = None) -> list[Compaction]:
        """Join small shards of every table into larger ones: a new version with the same rows.

        Raises:
            StoreError: another compaction is at work, a takedown was cut short, or the disk is full.
        """
        self.check_no_removal()
        return [compact_table(table, self.local / LOCKS, limits or CompactionLimits()) for table in self._all_tables()]

    def vacuum(self, pinned: Collection[int], keep: timedelta) -> list[Vacuum]:
        """Delete the files of versions that nobody needs: not the newest, not pinned, and not the newest within `keep`.

        Which versions releases and slices point to is the caller's to know: use `release.vacuum_store`.

        Raises:
            StoreError: a table can't be read whole; nothing of it is deleted then.
        """
        locks = self.local / LOCKS
        return [
            vacuum_table(table, locks, pinned if table is self._tables.traces else (), keep)
            for table in self._all_tables()
        ]

    @contextmanager
    def keep_versions(self, *, alone: bool = False) -> Generator[None]:
        """Nobody vacuums while this is held: for those who read an old version and then point to it.

        `alone` is for the vacuum itself.
        """
        with hold(self.local / LOCKS / VERSIONS_LOCK, shared=not alone):
            yield

    def schema_version(self) -> int:
        """The version of the schema that the store was made with or migrated to."""
        return self._check_marker()

    def migrate(self) -> list[Upgrade]:
        """Bring a store of an older schema up to the installed one; nothing for one that is.

        Readers need no migration: they see every version in the installed schema. Killed anywhere it can be run again.

        Raises:
            SchemaVersionError: a newer tracewright wrote the store.
            StoreError: a takedown was cut short, or the disk is full; the store says the same as before.
        """
        if self.schema_version() == SCHEMA_VERSION:
            return []
        self.check_no_removal()
        done = [upgrade_table(table, self.local / LOCKS) for table in self._all_tables()]
        self._write_marker()
        return done

    def gone_versions(self) -> set[int]:
        """The versions of the traces that vacuum deleted."""
        return self._tables.traces.gone()

    def version(self) -> int:
        """The newest version of the traces."""
        return self._tables.traces.load().version()

    def committed_at(self, version: int) -> datetime:
        """When a version of the traces was committed, in UTC."""
        return self._tables.traces.committed_at(version)

    def history(self) -> list[Commit]:
        """Every version of the traces, the newest first."""
        return self._tables.traces.history()

    def trace_ids(self, fingerprint: str | None = None, *, correct: bool | None = None) -> set[str]:
        """The ids of all traces, or of one teacher's, or of those that are (or are not) correct."""
        names = ["trace_id", "teacher.fingerprint", "verdict.outcome"]
        ids: set[str] = set()
        for file in self._tables.traces.files():
            columns = read_columns(file, names, TRACES)
            for trace_id, teacher, outcome in zip(*(columns[name].to_pylist() for name in names), strict=True):
                if fingerprint in (None, teacher) and correct in (None, outcome == Outcome.CORRECT):
                    ids.add(trace_id)
        return ids

    def attempt_ids(self) -> set[str]:
        """The ids of the traces that were attempted and not finished (some may have been finished since)."""
        ids: set[str] = set()
        for file in self._tables.attempts.files():
            ids.update(read_columns(file, ["trace_id"], ATTEMPTS)["trace_id"].to_pylist())
        return ids

    def teachers(self) -> list[TeacherRef]:
        """Every teacher that the store has traces of, in the order of their fingerprints."""
        found: dict[str, TeacherRef] = {}
        for file in self._tables.traces.files():
            names = read_columns(file, ["teacher.fingerprint"], TRACES)["teacher.fingerprint"].to_pylist()
            first = {name: place for place, name in reversed(list(enumerate(names))) if name not in found}
            teachers = read_columns(file, ["teacher"], TRACES)["teacher"] if first else None
            for name, place in first.items():
                found[name] = TeacherRef.model_validate(teachers[place].as_py() if teachers else None)
        return [found[name] for name in sorted(found)]

    def mean_tokens(self, fingerprint: str) -> float | None:
        """Of one teacher's traces; None where it has none here."""
        total = count = 0
        names = ["teacher.fingerprint", "token_count"]
        for file in self._tables.traces.files():
            columns = read_columns(file, names, TRACES)
            for teacher, tokens in zip(*(columns[name].to_pylist() for name in names), strict=True):
                total, count = (total + tokens, count + 1) if teacher == fingerprint else (total, count)
        return total / count if count else None

    def attempt_marks(self) -> AttemptMarks:
        """What the attempts say of their traces, the last one of each first: where it was cut, or that it failed."""
        marks = AttemptMarks()
        names = ["trace_id", "kind", "max_tokens", "created_at"]
        tables = [read_columns(file, names, ATTEMPTS) for file in self._tables.attempts.files()]
        rows = pa.concat_tables(tables).sort_by("created_at") if tables else pa.table({name: [] for name in names})
        for trace_id, kind, max_tokens in zip(*(rows[name].to_pylist() for name in names[:3]), strict=True):
            marks.add(trace_id, AttemptKind(kind), max_tokens)
        return marks

    def read_table(self, version: int | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The traces of a version as one Arrow table, in the store's order: all of `Trace`'s columns, or those named.

        A dot reaches into a struct (`verdict.outcome`); derived columns such as `min_step_confidence` can be named too.
        It holds the whole table in memory: `iter_traces` does not.
        """
        names = list(columns or Trace.model_fields)
        tables = list(self.iter_tables(version, names))
        if not tables:
            return TRACES.schema.empty_table().select(names)
        return pa.concat_tables(tables)

    def iter_tables(self, version: int | None = None, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """What `read_table` reads, shard by shard: memory for one of them."""
        names = list(columns or Trace.model_fields)
        for file in self._tables.traces.files(version):
            yield read_columns(file, names, TRACES)

    def frame(self, version: int | None = None, review_watermark: int | None = None) -> pl.DataFrame:
        """The scalar columns of every trace of a version, as `filter.columns` documents them, in the store's order.

        Raises:
            InputError: there is no such version, or reviews are not published up to that number (None is all of them).
        """
        frames = [read_frame(file, TRACES) for file in self._tables.traces.files(version)]
        standing = self.standing(review_watermark)
        if not frames:
            return pl.DataFrame(schema={column.name: column.dtype for column in COLUMNS.values()})
        return add_review_columns(pl.concat(frames, rechunk=True), standing)

    def standing(self, review_watermark: int | None = None) -> dict[str, Standing]:
        """What stands of the published reviews up to a number, or of all, by trace id."""
        return settle_reviews(self.reviews.read(review_watermark))

    def iter_traces(self, version: int | None = None, where: Filter | None = None) -> Iterator[Trace]:
        """The traces of a version that the filter lets through, in the store's order, a row group at a time."""
        standing = {} if where is None else self.standing()
        for file in self._tables.traces.files(version):
            yield from iter_rows(file, TRACES, self._choose(file, where, standing))

    def find_attempts(self, where: Filter) -> set[str]:
        """The trace ids of the attempts that a filter finds; none where it names columns that only traces have."""
        columns = [column for column in TRACE_COLUMNS if _of_attempts(column)]
        if not set(where.to_polars().meta.root_names()) <= {column.name for column in columns}:
            return set()
        found: set[str] = set()
        for file in self._tables.attempts.files():
            frame = read_frame(file, ATTEMPTS, columns)
            found.update(frame.filter(where.to_polars())["trace_id"].to_list())
        return found

    def attempts(self) -> Iterator[Attempt]:
        """Every attempt, in the store's order."""
        for file in self._tables.attempts.files():
            yield from iter_rows(file, ATTEMPTS)

    def rejections(self) -> Iterator[Rejection]:
        """Every rejection, in the store's order."""
        for file in self._tables.rejections.files():
            yield from iter_rows(file, REJECTIONS)

    def export(
        self, out: str | Path, format: str = "jsonl", version: int | None = None, where: Filter | None = None
    ) -> Exported:
        """Write traces of a version, with the ratings of their steps, to a file in another format (`EXPORT_FORMATS`).

        Returns:
            How many, and what the format can't hold of them.

        Raises:
            InputError: the format is unknown.
            StoreError: the file can't be written.
        """
        reviewed = {trace_id: one.labels for trace_id, one in settle_reviews(self.reviews.read()).items()}
        return export_traces(label_traces(self.iter_traces(version, where), reviewed), format, Path(out))

    def _choose(self, file: StoredFile, where: Filter | None, standing: Mapping[str, Standing]) -> np.ndarray | None:
        if where is None:
            return None
        frame = add_review_columns(read_frame(file, TRACES), standing)
        return frame.select(where.to_polars()).to_series().to_numpy()

    def _all_tables(self) -> list[ModelTable[Any]]:
        tables = (self._tables.traces, self._tables.attempts, self._tables.rejections, self.reviews.table)
        return [table for table in tables if table.exists()]

    def check_no_removal(self) -> None:
        """Refuse what must not happen while a takedown cuts rows out, or after it was killed: rewriting, publishing.

        Raises:
            StoreError: it says how to finish the takedown.
        """
        if begun := self.removals.unfinished():
            raise StoreError(
                f"a takedown of {len(begun[0].trace_ids)} traces is under way or was cut short: wait until it is done, "
                f"or finish it with `tracewright store remove {self.path} --finish`"
            )

    def _create(self) -> None:
        if self._has_marker():
            return
        make_folder(self.path)
        make_folder(self.local)
        with explain_disk_errors(self.path, "looking into"):
            strangers = sorted(entry.name for entry in self.path.iterdir() if not _belongs(entry.name))
        if strangers and not self._has_marker():  # another machine may have made the store meanwhile
            raise StoreError(
                f"{self.path} holds other things ({', '.join(strangers[:3])}) and no store: name an empty folder"
            )
        make_folder(self.local / LOCKS)
        with hold(self.local / LOCKS / COMMIT_LOCK):
            self._write_marker()
        reach(Failpoint.STORE_MARKED)
        self._make_tables()

    def _make_tables(self) -> None:
        """Also finishes what was killed while it made them."""
        self._make_local_folders()
        with hold(self.local / LOCKS / COMMIT_LOCK):
            for table in (self._tables.traces, self._tables.attempts, self._tables.rejections):
                table.create()

    def _make_local_folders(self) -> None:
        for folder in FOLDERS:
            make_folder(self.local / folder)

    def _has_marker(self) -> bool:
        with explain_disk_errors(self.path, "looking into"):
            return (self.path / MARKER).is_file()

    def _write_marker(self) -> None:
        marker = json.dumps({"format": FORMAT, "schema_version": SCHEMA_VERSION}) + "\n"
        write_durably(self.path / MARKER, marker.encode())

    def _check_marker(self) -> int:
        path = self.path / MARKER
        with explain_disk_errors(path, "reading"):
            text = path.read_text(encoding="utf-8")
        try:
            version = int(json.loads(text)["schema_version"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is not a store's marker: {error!r}: restore it from a copy") from error
        check_version(version)
        return version


def publish_reviews(store: Store, events: Iterable[PublishedReview], watermark: int) -> Publication:
    """Add review events to those that releases read. Giving an event again does nothing, so a killed call is repeated.

    Args:
        store: the store.
        events: the events up to the watermark, or those of them that were not published yet.
        watermark: the number of the last event that is meant to be published after this.

    Raises:
        InputError: a number is above the watermark or is given twice, or an event that is new comes before one that is
            published already: what was published up to a number never changes.
        StoreError: the store can't be written; events that were published before are intact.
    """
    return store.reviews.publish(events, watermark)


def _of_attempts(column: Column) -> bool:
    return column.source.split(".")[0] in Attempt.model_fields


def _belongs(name: str) -> bool:
    tables = {kind.folder for kind in (TRACES, ATTEMPTS, REJECTIONS, REVIEWS)}
    return name.startswith(("_", ".")) or name in {*FOLDERS, *tables}
