r"""`\boxed{…}` in a text: where, with balanced braces, and which of them make one answer together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<box>\\+(?:boxed|fbox)\s*\{)|\\boxed\s+(?P<word>\\?[A-Za-z]+|[-+]?\d+(?:\.\d+)?)|(?P<escape>\\.)|(?P<brace>[{}])",
    re.DOTALL,
)
_BLANK = " \n\t~$"
_MAX_CONNECTION_CHARS = 60
_RETRACTION = re.compile(
    r"\b(?:wait|no|not|but|so|thus|hence|therefore|actually|instead|rather)\b|\\implies|\\Rightarrow|=>|[.?!]\s",
    re.IGNORECASE,
)
_CONNECTION = re.compile(r"\b(?:and|or)\b|[,;&、，]|\\q?quad", re.IGNORECASE)


@dataclass(frozen=True)
class Box:
    """One box with something in it; `start` and `end` enclose the whole command."""

    content: str
    start: int
    end: int


def find_boxes(text: str) -> list[Box]:
    """All outermost boxes that are not empty, in order; a box whose braces never close is none. Linear in the text."""
    boxes: list[Box] = []
    if "box" not in text:
        return boxes
    opened: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "word":
            boxes.append(Box(token["word"], token.start(), token.end()))
        elif kind == "box" or token.group() == "{":
            opened.append(token)
        elif kind == "brace" and opened:
            start = opened.pop()
            if start.lastgroup == "box":
                _add(boxes, Box(text[start.end() : token.start()], start.start(), token.end()))
    return boxes


def _add(boxes: list[Box], box: Box) -> None:
    if box.content.strip(_BLANK):
        while boxes and boxes[-1].start > box.start:
            boxes.pop()
        boxes.append(box)


def last_group(text: str, boxes: Sequence[Box]) -> list[Box]:
    r"""The last box and those before it that it continues, as in `\boxed{1} and \boxed{2}`."""
    group = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        if not _is_connection(text[box.end : group[-1].start]):
            break
        group.append(box)
    return group[::-1]


def _is_connection(between: str) -> bool:
    if len(between) > _MAX_CONNECTION_CHARS or _RETRACTION.search(between):
        return False
    return not between.strip(" $\n\t\\()[]") or _CONNECTION.search(between) is not None
