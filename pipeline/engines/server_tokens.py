"""Where the tokens of a server's answer stand in its text.

Servers give each token's bytes, and an answer's text apart from them. The tokens spell more than the text: vLLM's and
SGLang's end with the end token, they go on past a stop string, and where the server takes the thinking apart, or strips
it, they have the marks and the white space that the text has lost. Where a character is spread over tokens, SGLang
gives U+FFFD for its parts; a SentencePiece token may come without its space.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

LEAST_LOGPROB = -9_999.0
"""Stands for minus infinity, as in vLLM's answers; llama.cpp gives the least number that a float can hold."""
_CUT = "\N{REPLACEMENT CHARACTER}".encode()
_SPECIAL = re.compile(rb"<[^<>\s]{1,40}>|\[/?[A-Z_]{1,40}\]")
"""Tokens such as `<|im_end|>`, `</s>` or `[THINK]`, which servers leave out of the text."""
_MAX_CHARACTER_BYTES = 4


@dataclass(frozen=True)
class Tokens:
    """The tokens of an answer, in the terms of `Completion`; the end token is not among them."""

    text: str
    """What they spell: the completion."""
    ends: tuple[int, ...]
    logprobs: tuple[float, ...]
    top_logprobs: tuple[tuple[float, ...], ...] | None


def find_tokens(given: Any, thinking: str, content: str, marks: tuple[str, str]) -> Tokens | None:
    """An answer's tokens and their places; None where it has none, or they do not spell its text.

    With thinking the text is taken from the tokens, which alone have it as the teacher wrote it.
    """
    entries = given.get("content") if isinstance(given, dict) else None
    if not isinstance(entries, list) or not entries:
        return None
    try:
        pieces = [spell(entry) for entry in entries]
        logprobs = tuple(read_logprob(entry) for entry in entries)
        tops = tuple(read_top(entry) for entry in entries)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    spelled = b"".join(pieces).decode(errors="replace")
    text = _join_thinking(spelled, thinking, content, marks) if thinking else content
    ends = None if text is None else place_tokens(pieces, text)
    if text is None or ends is None:
        return None
    # The prompt may have opened the thinking: then no token spells the first mark.
    lead = marks[0] if thinking and not text.lstrip().startswith(marks[0]) else ""
    count = len(ends)
    return Tokens(
        text=lead + text,
        ends=tuple(len(lead) + end for end in ends),
        logprobs=logprobs[:count],
        top_logprobs=tops[:count] if all(tops[:count]) else None,
    )


def spell(entry: Any) -> bytes:
    """A token's bytes."""
    raw = entry.get("bytes")
    return bytes(raw) if raw is not None else str(entry["token"]).encode()


def read_logprob(entry: Any) -> float:
    """A token's logprob.

    Raises:
        LookupError, TypeError, ValueError: it has none.
    """
    value = float(entry["logprob"])
    if math.isnan(value):
        raise ValueError("a logprob that is no number")
    return max(value, LEAST_LOGPROB)


def read_top(entry: Any) -> tuple[float, ...]:
    """The logprobs of the likeliest tokens at a token's place, in falling order."""
    return tuple(sorted([read_logprob(one) for one in entry.get("top_logprobs") or ()], reverse=True))


def place_tokens(pieces: Sequence[bytes], text: str) -> list[int] | None:
    """The characters of the text that are complete after each token, up to the one that completes it; None where the
    tokens do not spell it.
    """
    joined = b"".join(pieces)
    if text.isascii() and joined == text.encode():
        return list(accumulate(map(len, pieces)))
    if joined.decode(errors="replace") == text:
        decoder = getincrementaldecoder("utf-8")(errors="replace")
        ends = list(accumulate(len(decoder.decode(piece)) for piece in pieces))
        return [*ends[:-1], len(text)]
    data = text.encode("utf-8", "surrogatepass")
    places = _place(pieces, data)
    if places is None:
        return None
    character_ends = [place for place, byte in enumerate(data) if place and byte & 0xC0 != 0x80] + [len(data)]
    return [bisect_right(character_ends, place) for place in places]


def _place(pieces: Sequence[bytes], data: bytes) -> list[int] | None:
    """The bytes of the text that stand before each token's end."""
    place, places, cut = 0, list[int](), list[int]()
    for index, piece in enumerate(pieces):
        if place == len(data):
            break
        if cut and piece and _CUT not in piece:
            # Where the parts of a character end is known once the next whole token is found.
            found = data.find(piece, place)
            if 0 <= found - place <= 2 * _MAX_CHARACTER_BYTES * len(cut):
                places[cut[-1]] = place = found
                cut = []
        step = _match(piece, data, place)
        if step is None and _CUT in piece:
            cut.append(index)
        elif step is None and not _SPECIAL.fullmatch(piece):
            return None
        place += step or 0
        places.append(place)
    if cut:
        place = len(data)
        places = [*places[: cut[-1]], place]
    return places if place == len(data) else None


def _match(piece: bytes, data: bytes, place: int) -> int | None:
    """How many bytes of the text at a place a token spells; None where it does not."""
    if data.startswith(piece, place):
        return len(piece)
    if data.startswith(b" " + piece, place):
        return 1 + len(piece)
    rest = data[place : place + len(piece)]
    if rest and place + len(rest) == len(data) and piece.startswith(rest):
        return len(rest)  # it goes on past a stop string
    stripped = piece.lstrip()
    return len(stripped) if place == 0 and data.startswith(stripped) else None


def _join_thinking(spelled: str, thinking: str, content: str, marks: tuple[str, str]) -> str | None:
    """The text as the tokens spell it, up to the end of what the server calls its content; None where it is another."""
    before, mark, after = spelled.partition(marks[1])
    bare = before.lstrip().removeprefix(marks[0]).strip()
    if mark and bare == thinking.strip():
        shown = content.lstrip()
        space = after[: len(after) - len(after.lstrip())]
        return before + mark + space + shown if after.lstrip().startswith(shown) else None
    if mark or content or not bare.startswith(thinking.strip()):
        return None
    return spelled[: spelled.index(thinking.strip()) + len(thinking.strip())]
