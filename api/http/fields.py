"""The kinds of text that requests hold: each with its limits, and none with what a database can't hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

MAX_COMMENT_CHARS = 10_000
MAX_TEXT_CHARS = 100_000
MAX_FILTER_CHARS = 10_000
MAX_PAGE = 500
DEFAULT_PAGE = 50
MAX_SEARCH_CHARS = 500
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,95}$"
TRACE_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$"
"""No slash, no percent sign, no `..` at the start: an id is never part of a path, and could not lead out of one."""
USER_NAME_PATTERN = r"^[a-z0-9][a-z0-9._@-]{0,63}$"


class Body(BaseModel):
    """What a request sends: unknown fields are refused, so that nobody sets what only the service may set."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def _refuse_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("the text has a NUL character, which the database can't hold: leave it out")
    return text


Plain = AfterValidator(_refuse_nul)
Comment = Annotated[str, StringConstraints(max_length=MAX_COMMENT_CHARS), Plain]
LongText = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS), Plain]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64), Plain]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
UserName = Annotated[str, StringConstraints(pattern=USER_NAME_PATTERN)]
TraceId = Annotated[str, StringConstraints(pattern=TRACE_ID_PATTERN)]
FilterText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_FILTER_CHARS), Plain]

TraceIdPath = Annotated[str, Path(pattern=TRACE_ID_PATTERN)]
NamePath = Annotated[str, Path(pattern=NAME_PATTERN)]
UserNamePath = Annotated[str, Path(pattern=USER_NAME_PATTERN)]
NumberPath = Annotated[int, Path(ge=1, lt=2**53)]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=200)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=500)]
Where = Annotated[str | None, Query(max_length=MAX_FILTER_CHARS, description="A filter, as `tracewright` takes it.")]


def to_moment(microseconds: int | None) -> datetime | None:
    """The moment that a stored number of microseconds means."""
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)


def to_microseconds(moment: datetime) -> int:
    """A moment as it is stored."""
    return round(moment.timestamp() * 1e6)
