"""The SQL database: its tables, its migrations, and the two kinds of transaction."""

from tracewright.api.database.engine import Database, open_database

__all__ = ["Database", "open_database"]
