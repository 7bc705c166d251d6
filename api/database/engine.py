"""Opening the database, and its two kinds of transaction: many readers, one writer at a time.

Writers are serialised on both databases (SQLite: `BEGIN IMMEDIATE`; PostgreSQL: an advisory lock for the transaction),
so that review events are visible in the order of their sequence numbers: whoever has read up to a number has seen all
before it. A write takes a few milliseconds, most of them the disk's sync.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from tracewright.schemas.errors import ConfigError, StoreError

BUSY_MILLISECONDS = 10_000
"""How long a SQLite writer waits for one of another process."""
POOL_CONNECTIONS = 20
POOL_OVERFLOW = 40
_WRITER_LOCK = 0x7472_6163
"""The advisory lock of writers; any number that no other program on the database uses."""
_WRITES = "tracewright_writes"
_SUPPORTED = ("sqlite", "postgresql")


class Database:
    """One database. `read` and `write` give a connection with a transaction; a write commits when its block ends."""

    def __init__(self, engine: Engine) -> None:
        """Use `open_database`."""
        self.engine = engine
        self._writer = threading.Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is the embedded one."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A transaction that only reads: what it sees does not change meanwhile on SQLite."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection]:
        """The one writing transaction; durable when the block has ended, undone when it raises."""
        # Waiting here is fair and cheap; SQLite's own waiting polls.
        connect = self.engine.execution_options(**{_WRITES: True}).begin
        with self._writer, connect() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITER_LOCK})
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The database at a SQLAlchemy URL, with tables of the newest version.

    Raises:
        ConfigError: the URL is not one of SQLite or PostgreSQL.
        StoreError: the database can't be reached or written.
    """
    from tracewright.api.database.migrations import upgrade

    database = Database(_make_engine(url))
    try:
        upgrade(database.engine)
    except DBAPIError as error:
        raise StoreError(
            f"the database {make_url(url).render_as_string(hide_password=True)} can't be opened: {error.orig}: "
            "check the URL, the server and its permissions"
        ) from error
    return database


def _make_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"{url!r} is not a database URL: expected sqlite:///FILE or postgresql://…") from error
    name = parsed.get_backend_name()
    if name not in _SUPPORTED:
        raise ConfigError(f"the database {name!r} is not supported: expected one of {', '.join(_SUPPORTED)}")
    if name == "postgresql" and parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        if name == "postgresql":
            return create_engine(parsed, pool_size=POOL_CONNECTIONS, max_overflow=POOL_OVERFLOW, pool_pre_ping=True)
        return _make_sqlite_engine(parsed)
    except NoSuchModuleError as error:
        raise ConfigError(f"the database URL names an unknown driver: {error}") from error


def _make_sqlite_engine(url: Any) -> Engine:
    if url.database and not Path(url.database).parent.is_dir():
        raise ConfigError(f"there is no folder {Path(url.database).parent} for the database: make it, or name another")
    engine = create_engine(
        url,
        pool_size=POOL_CONNECTIONS,
        max_overflow=POOL_OVERFLOW,
        connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # Without this, Python's driver begins transactions by itself, and later than a reader needs.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
