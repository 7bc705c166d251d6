"""Ids that are derived from content, so that every stage can be run again and finds what it did before."""

from __future__ import annotations

import hashlib
import json

HELD_OUT_SHARE = 0.1
"""Share of all problems that nothing is ever trained on, by hash of the question: the same ones everywhere."""

_ID_HEX_DIGITS = 24
"""96 bits: a collision among a billion rows has a chance below 1e-11."""


def hash_content(*parts: object) -> str:
    """SHA-256 of the parts as canonical JSON, in hexadecimal; parts are whatever JSON can hold."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def make_id(*parts: object) -> str:
    """A short content hash: 24 hexadecimal digits."""
    return hash_content(*parts)[:_ID_HEX_DIGITS]


def hash_to_unit(*parts: object) -> float:
    """A number in [0, 1) that depends on the content alone: for splits and samples that never change."""
    return int(hash_content(*parts)[:13], 16) / 16**13


def is_held_out(question: str) -> bool:
    """Whether a problem belongs to the held-out tenth, whatever its source, teacher or seed."""
    return hash_to_unit("held-out", " ".join(question.split())) < HELD_OUT_SHARE
