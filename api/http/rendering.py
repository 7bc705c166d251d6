"""Responses as JSON bytes, made by orjson, without validating again what the service itself made."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.responses import Response

JSON_TYPE = "application/json"
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def encode(content: Any) -> bytes:
    """The content as JSON; models by their fields, moments in ISO 8601."""
    return orjson.dumps(content, default=_to_plain, option=_OPTIONS)


def render(
    content: Any,
    *,
    status: int = 200,
    etag: str | None = None,
    headers: dict[str, str] | None = None,
    media_type: str = JSON_TYPE,
) -> Response:
    """A response with the content as JSON; without a body for 204."""
    body = b"" if status == 204 else encode(content)
    response = Response(body, status_code=status, media_type=None if status == 204 else media_type, headers=headers)
    if etag is not None:
        response.headers["ETag"] = etag
    return response


def _to_plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.isoformat()  # Prefect's moments are of a class of their own, which orjson does not take
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} can't be written as JSON")
