"""JSON as bytes, for what goes through the journal and to scoring processes: fast, and lone surrogates survive it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson


def dump_json(value: Mapping[str, Any]) -> bytes:
    """One line without its end, dataclasses as objects; numbers that are not finite become null.

    A row with the logprobs of 220 tokens takes 0.07 ms, with `json` 0.15.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        # Engines do give lone surrogates now and then: judging them is another stage's business.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=vars)
        return text.encode("utf-8", "surrogatepass")


def load_json(data: bytes) -> Any:
    """What was dumped; tuples come back as lists."""
    try:
        return orjson.loads(data)
    except ValueError:
        return json.loads(data.decode("utf-8", "surrogatepass"))
