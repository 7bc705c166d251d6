"""Backup and restore of everything that only the database holds: people, reviews, queues, the audit log.

A backup is gzipped JSON lines, the same for both databases, so it also moves a service from one to the other. It is one
consistent moment, taken while the service runs. Sessions and stored answers are left out: they are short-lived.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from tracewright.api.database import Database
from tracewright.api.database.tables import (
    AUDIT,
    BULKS,
    GOLD,
    IDENTITIES,
    JOBS,
    QUEUES,
    REVIEWS,
    SLOTS,
    TOKENS,
    USERS,
)
from tracewright.pipeline.store.disk import ASIDE_PREFIX, explain_disk_errors, sync_folder
from tracewright.schemas.errors import InputError, IntegrityError, MissingInputError

FORMAT = "tracewright-backup/1"
TABLES: tuple[Table, ...] = (USERS, TOKENS, IDENTITIES, BULKS, QUEUES, GOLD, SLOTS, REVIEWS, JOBS, AUDIT)
"""In an order in which every row's references are there before it."""
_ROWS_AT_ONCE = 1_000
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
"""SQLAlchemy's names are of a kind of text of their own."""


def back_up(database: Database, out: Path) -> dict[str, int]:
    """Write a backup; the file is there whole or not at all. How many rows of each table it holds.

    Raises:
        InputError: there is such a file already.
        StoreError: it can't be written.
    """
    if out.exists():
        raise InputError(f"{out} exists already: name a file that is not there yet")
    aside, counts = out.with_name(ASIDE_PREFIX + out.name), dict.fromkeys((table.name for table in TABLES), 0)
    with explain_disk_errors(out, "writing the backup"):
        try:
            with aside.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=3) as lines:
                for line in _iter_lines(database, counts):
                    lines.write(orjson.dumps(line, option=_OPTIONS))
                lines.close()
                file.flush()
                os.fsync(file.fileno())
            aside.replace(out)
            sync_folder(out.parent)
        finally:
            aside.unlink(missing_ok=True)
    return counts


def restore(database: Database, file: Path) -> dict[str, int]:
    """Fill an empty database from a backup: all of it or, whatever happens, nothing. How many rows of each table.

    Raises:
        MissingInputError: there is no such file.
        InputError: the database is not empty, or the file is no backup.
        IntegrityError: the backup is cut short or damaged.
    """
    if not file.is_file():
        raise MissingInputError(f"there is no backup {file}")
    with database.write() as connection:
        filled = [
            table.name for table in TABLES if connection.execute(select(func.count()).select_from(table)).scalar()
        ]
        if filled:
            raise InputError(
                f"the database holds {', '.join(filled)} already: restore into an empty one, a new file or database"
            )
        try:
            counts = _fill(connection, _read_lines(file))
        except (AttributeError, KeyError, TypeError, SQLAlchemyError) as error:
            raise IntegrityError(f"{file} holds what no backup holds ({type(error).__name__}): use another") from error
        if not database.is_sqlite:
            _advance_sequences(connection)
    return counts


def _iter_lines(database: Database, counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    engine = (
        database.engine if database.is_sqlite else database.engine.execution_options(isolation_level="REPEATABLE READ")
    )
    with engine.connect() as connection, connection.begin():
        yield {"format": FORMAT, "created_at": datetime.now(UTC).isoformat(), "version": _version(connection)}
        for table in TABLES:
            for row in connection.execute(select(table).order_by(*table.primary_key)):
                counts[table.name] += 1
                yield {"table": table.name, "row": dict(row._mapping)}
        yield {"end": counts}


def _version(connection: Connection) -> str:
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


def _read_lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(file, "rb") as lines:
            yield from map(orjson.loads, lines)
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError) as error:
        raise IntegrityError(f"{file} is damaged: {error}: use another backup") from error


def _fill(connection: Connection, lines: Iterator[dict[str, Any]]) -> dict[str, int]:
    header = next(lines, {})
    if header.get("format") != FORMAT:
        raise InputError(f"the file is not a backup in the format {FORMAT}")
    made_by, known = header.get("version"), _version(connection)
    if made_by != known:
        raise InputError(
            f"the backup has tables of version {made_by}, this tracewright {known}: restore it with the tracewright "
            "that made it, then upgrade"
        )
    counts, waiting, end = dict.fromkeys((table.name for table in TABLES), 0), list[dict[str, Any]](), None
    tables, current = {table.name: table for table in TABLES}, ""
    for line in lines:
        if end is not None:
            raise IntegrityError("the backup goes on after its end: use another backup")
        if "end" in line:
            end = line["end"]
            continue  # to the end of the file: gzip's checksum is behind it
        if waiting and (line["table"] != current or len(waiting) == _ROWS_AT_ONCE):
            connection.execute(insert(tables[current]), waiting)
            waiting = []
        current = line["table"]
        waiting.append(line["row"])
        counts[current] += 1
    if waiting:
        connection.execute(insert(tables[current]), waiting)
    if end != counts:
        raise IntegrityError(f"the backup says that it holds {end} and holds {counts}: use another backup")
    return counts


def _advance_sequences(connection: Connection) -> None:
    """PostgreSQL counts on from what it gave itself, not from what was filled in."""
    for table in TABLES:
        (column,) = table.primary_key
        newest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
        name = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(name, newest, False)))
