"""The version of the stored schema, and the way up from each older one."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from tracewright.schemas.errors import SchemaVersionError

SCHEMA_VERSION = 1

_MIGRATIONS: dict[int, Callable[[pa.Table], pa.Table]] = {}
"""From a version to the next one."""


def migrate(table: pa.Table, version: int) -> pa.Table:
    """The table as the installed schema version has it.

    Raises:
        SchemaVersionError: the table was written by a newer schema than this one, or by one that never was.
    """
    check_version(version)
    for step in range(version, SCHEMA_VERSION):
        if step not in _MIGRATIONS:
            raise SchemaVersionError(
                f"the data has schema version {version} and there is no way up from version {step}: read it with the "
                "tracewright that wrote it"
            )
        table = _MIGRATIONS[step](table)
    return table


def check_version(version: int) -> None:
    """Refuse a version newer than the installed one."""
    if version > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"the data has schema version {version}, this tracewright reads versions up to {SCHEMA_VERSION}: "
            "upgrade tracewright and try again"
        )
