"""The tables. Moments are microseconds since 1970 in UTC, so that both databases compare them alike."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only in a column of its own INTEGER."""

USERS = Table(
    "users",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("version", Integer, nullable=False, server_default="1"),
)

TOKENS = Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("user_id", Number, ForeignKey("users.id"), nullable=False, index=True),
    Column("name", String(64), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

SESSIONS = Table(
    "sessions",
    metadata,
    Column("id", Number, primary_key=True),
    Column("token_id", Number, ForeignKey("tokens.id"), nullable=False, index=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)

IDENTITIES = Table(
    "identities",
    metadata,
    Column("id", Number, primary_key=True),
    Column("user_id", Number, ForeignKey("users.id"), nullable=False),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("issuer", "subject"),
    UniqueConstraint("user_id", "issuer"),
    comment="Who a user is at an OpenID provider",
)

AUDIT = Table(
    "audit",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("user_name", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("request_id", String(64), nullable=False),
)

ANSWERS = Table(
    "answers",
    metadata,
    Column("user_id", Number, ForeignKey("users.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("etag", Text),
    Column("location", Text),
    Column("body", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    comment="What requests with an Idempotency-Key were answered",
)

REVIEWS = Table(
    "reviews",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("review_id", String(64), nullable=False, unique=True),
    Column("trace_id", String(200), nullable=False),
    Column("reviewer", String(64), nullable=False),
    Column("step", BigInteger),
    Column("decision", String(16)),
    Column("label", SmallInteger),
    Column("first_error", Boolean, nullable=False),
    Column("error_type", String(64)),
    Column("corrected_text", Text),
    Column("corrected_answer", Text),
    Column("tags", JSON, nullable=False),
    Column("comment", Text),
    Column("undoes", String(64), index=True),
    Column("seconds", Float),
    Column("created_at", BigInteger, nullable=False),
    Column("bulk_id", Number, ForeignKey("bulks.id"), index=True),
    Column("slot_id", Number, ForeignKey("slots.id"), index=True),
    Index(None, "trace_id", "seq"),
    Index(None, "reviewer", "created_at"),
    sqlite_autoincrement=True,
    comment="Append-only: rows are never changed or removed",
)

BULKS = Table(
    "bulks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("filter", Text, nullable=False),
    Column("action", JSON, nullable=False),
    Column("traces", Integer, nullable=False),
    Column("author", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("undone_at", BigInteger),
)

QUEUES = Table(
    "queues",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String(96), nullable=False, unique=True),
    Column("slice", String(96), nullable=False),
    Column("reviewers_per_trace", Integer, nullable=False),
    Column("order", String(16), nullable=False),
    Column("lease_seconds", Integer, nullable=False),
    Column("gold_every", Integer),
    Column("adjudicates", Boolean, nullable=False),
    Column("author", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("version", Integer, nullable=False, server_default="1"),
)

GOLD = Table(
    "gold",
    metadata,
    Column("id", Number, primary_key=True),
    Column("queue_id", Number, ForeignKey("queues.id"), nullable=False, index=True),
    Column("trace_id", String(200), nullable=False),
    Column("decision", String(16), nullable=False),
    UniqueConstraint("queue_id", "trace_id"),
)

SLOTS = Table(
    "slots",
    metadata,
    Column("id", Number, primary_key=True),
    Column("queue_id", Number, ForeignKey("queues.id"), nullable=False),
    Column("trace_id", String(200), nullable=False, index=True),
    Column("position", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("reviewer", String(64)),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("expires_at", BigInteger),
    Column("submitted_at", BigInteger),
    Column("decision", String(16)),
    UniqueConstraint("queue_id", "trace_id", "kind", "number"),
    Index(
        "ix_slots_open",
        "queue_id",
        "kind",
        "position",
        "number",
        sqlite_where=text("submitted_at IS NULL"),
        postgresql_where=text("submitted_at IS NULL"),
    ),
    Index(None, "queue_id", "reviewer"),
    comment="One person's place on one trace of a queue: a queue asks for so many people by having so many slots",
)

JOBS = Table(
    "jobs",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("asked", JSON, nullable=False),
    Column("result", JSON),
    Column("error", Text),
    Column("progress", Float, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=""),
    Column("author", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("beat_at", BigInteger),
    Column("ended_at", BigInteger),
)
