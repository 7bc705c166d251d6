"""Full-text search over problems and reasoning: SQLite's FTS5 in a file of its own, or PostgreSQL's tsvector.

The index can always be made again from the store, so it is kept apart from the reviews (`STORE/search.db`), written
without waiting for the disk, and filled in the background.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, create_engine, event, text

from tracewright.api.database import Database
from tracewright.api.http.errors import UnprocessableError
from tracewright.api.traces.frame import Frame
from tracewright.pipeline.store.reading import read_columns
from tracewright.pipeline.store.store import TRACES
from tracewright.pipeline.store.table import StoredFile

SEARCH_FILE = "search.db"
MAX_TERMS = 20
_BATCH_ROWS = 500
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_LOG = logging.getLogger("tracewright.api")
_Row = tuple[str, str, str]

_SQLITE_TABLES = (
    "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(problem, reasoning, content='', columnsize=0)",
)
_SQLITE_EMPTIED = (
    "DELETE FROM files",
    "DELETE FROM documents",
    "INSERT INTO texts (texts) VALUES ('delete-all')",
)
_POSTGRES_TABLES = (
    "CREATE TABLE IF NOT EXISTS search_files (name TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS search_texts (trace_id TEXT PRIMARY KEY, words TSVECTOR NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ix_search_texts_words ON search_texts USING GIN (words)",
)
MAX_POSTGRES_CHARS = 200_000
"""A tsvector holds a megabyte."""


class SearchIndex:
    """Finds the traces whose problem or reasoning has all of some words."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._is_sqlite = database.is_sqlite
        self._engine = _open_sqlite(folder / SEARCH_FILE) if self._is_sqlite else database.engine
        with self._engine.begin() as connection:
            for statement in _SQLITE_TABLES if self._is_sqlite else _POSTGRES_TABLES:
                connection.execute(text(statement))
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def find(self, query: str) -> set[str]:
        """The ids of all traces that match.

        Raises:
            UnprocessableError: the query has no words, or too many.
        """
        terms = split_query(query)
        with self._engine.connect() as connection:
            if self._is_sqlite:
                matching = text(
                    "SELECT trace_id FROM documents WHERE id IN (SELECT rowid FROM texts WHERE texts MATCH :query)"
                )
                found = connection.execute(matching, {"query": " AND ".join(f'"{term}"' for term in terms)})
            else:
                parts = " && ".join(f"phraseto_tsquery('simple', :term{n})" for n in range(len(terms)))
                matching = text(f"SELECT trace_id FROM search_texts WHERE words @@ ({parts})")  # noqa: S608
                found = connection.execute(matching, {f"term{n}": term for n, term in enumerate(terms)})
            return {row[0] for row in found}

    def start(self, get_frame: Callable[[], Frame], poll_seconds: float) -> None:
        """Index what is there and what arrives, in the background."""

        def run() -> None:
            while not self._stop.is_set():
                try:
                    frame = get_frame()
                    self.forget(frame)
                    self.index(frame.files)
                except Exception as error:  # noqa: BLE001 - search falls behind, nothing else
                    _LOG.error("the search index fell behind: %s", type(error).__name__, exc_info=error)
                self._stop.wait(poll_seconds)

        self._thread = threading.Thread(target=run, name="search-index", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop indexing; what is not indexed yet will be when the service starts again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._is_sqlite:
            self._engine.dispose()

    def forget(self, frame: Frame) -> None:
        """Take out what the store does not hold any more, once shards were replaced."""
        name = "files" if self._is_sqlite else "search_files"
        with self._engine.connect() as connection:
            known = {row[0] for row in connection.execute(text(f"SELECT name FROM {name}"))}  # noqa: S608
        gone = known - {file.path.name for file in frame.files}
        if not gone or not frame.is_whole:
            return
        table = "documents" if self._is_sqlite else "search_texts"
        with self._engine.begin() as connection:
            ids = [row[0] for row in connection.execute(text(f"SELECT trace_id FROM {table}"))]  # noqa: S608
            removed = [{"id": trace_id} for trace_id in ids if trace_id not in frame.ids]
            if removed and self._is_sqlite:
                # An index without the texts can't take single ones out: it is made again from what is left.
                for statement in _SQLITE_EMPTIED:
                    connection.execute(text(statement))
                return
            if removed:
                connection.execute(text("DELETE FROM search_texts WHERE trace_id = :id"), removed)
            connection.execute(text(f"DELETE FROM {name} WHERE name = :name"), [{"name": one} for one in gone])  # noqa: S608

    def index(self, files: Iterable[StoredFile]) -> None:
        """Index the traces of those shards that are not indexed yet."""
        name = "files" if self._is_sqlite else "search_files"
        with self._engine.connect() as connection:
            known = {row[0] for row in connection.execute(text(f"SELECT name FROM {name}"))}  # noqa: S608
        for file in files:
            if file.path.name in known:
                continue
            for rows in _read_texts(file):
                if self._stop.is_set():
                    return
                began = time.monotonic()
                self._add(rows)
                self._stop.wait(time.monotonic() - began)  # requests have the other half
            with self._engine.begin() as connection:
                connection.execute(
                    text(f"INSERT INTO {name} VALUES (:name) ON CONFLICT DO NOTHING"),  # noqa: S608
                    {"name": file.path.name},
                )

    def _add(self, rows: list[_Row]) -> None:
        with self._engine.begin() as connection:
            if not self._is_sqlite:
                statement = text(
                    "INSERT INTO search_texts VALUES (:id, to_tsvector('simple', :words)) ON CONFLICT DO NOTHING"
                )
                words = [(row[0], f"{row[1]}\n{row[2]}".replace("\x00", " ")[:MAX_POSTGRES_CHARS]) for row in rows]
                connection.execute(statement, [{"id": trace_id, "words": word} for trace_id, word in words])
                return
            asked = json.dumps([row[0] for row in rows])
            there = connection.exec_driver_sql(
                "SELECT trace_id FROM documents WHERE trace_id IN (SELECT value FROM json_each(?))", (asked,)
            )
            known = {row[0] for row in there}
            new = list({row[0]: row for row in rows if row[0] not in known}.values())
            if not new:
                return
            # Many rows a statement: one by one, the statements' Python kept requests waiting while a store was indexed.
            connection.exec_driver_sql("INSERT INTO documents (trace_id) VALUES (?)", [(row[0],) for row in new])
            connection.exec_driver_sql(
                "INSERT INTO texts (rowid, problem, reasoning) SELECT id, ?, ? FROM documents WHERE trace_id = ?",
                [(problem, reasoning, trace_id) for trace_id, problem, reasoning in new],
            )


def split_query(query: str) -> list[str]:
    """The words and "quoted phrases" of a query.

    Raises:
        UnprocessableError: there are none, or more than 20.
    """
    terms = [quoted or word for quoted, word in _WORD.findall(query.replace("\x00", " "))]
    terms = [term.replace('"', " ").strip() for term in terms]
    terms = [term for term in terms if any(character.isalnum() for character in term)]
    if not 1 <= len(terms) <= MAX_TERMS:
        raise UnprocessableError(f"a search has 1 to {MAX_TERMS} words or quoted phrases, not {len(terms)}")
    return terms


def _read_texts(file: StoredFile) -> Iterator[list[_Row]]:
    table = read_columns(file, ["trace_id", "problem.question", "text"], TRACES)
    for batch in pa.Table.to_batches(table, max_chunksize=_BATCH_ROWS):
        yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _open_sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 30})

    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
