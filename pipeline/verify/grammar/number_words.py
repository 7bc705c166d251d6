"""Numbers in English words: `seven`, `twenty-one`, `two thirds`, `one hundred and five`."""

from __future__ import annotations

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {
    **{word: value for value, word in enumerate(re.findall(r"\w+", _ONES))},
    **{word: 10 * tens for tens, word in enumerate(re.findall(r"\w+", _TENS), 2)},
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_PARTS = {
    **{"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7},
    **{"eighth": 8, "ninth": 9, "tenth": 10},
}
_ANY = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))
_PART = "|".join(f"{part}s?" for part in _PARTS)
NUMBER_WORDS = re.compile(
    rf"\b(?:(?:minus|negative) )?(?:{_ANY})(?:(?:[ -]|\s+and\s+)(?:{_ANY}))*(?:[ -](?:{_PART}))?\b", re.IGNORECASE
)
"""A number in words in a text."""
_WORD = re.compile(r"[a-z]+")
_MAX_WORDS = 20


def read_number_words(text: str) -> str | None:
    """The numeral for the words that a text begins with, and the words after it; None where it begins with none."""
    words = _WORD.findall(text.lower().replace("-", " "))
    negative = words[:1] in (["minus"], ["negative"])
    words = words[1:] if negative else words
    if not words or len(words) > _MAX_WORDS or re.search(r"[^A-Za-z\s,.-]", text):
        return None
    value, count = _read(words)
    if not count:
        return None
    rest = words[count:]
    below = _PARTS.get(rest[0].rstrip("s") if rest[0] != "halves" else "halves") if rest else None
    if below and value:
        return " ".join([f"{'-' * negative}{value}/{below}", *rest[1:]])
    return " ".join([f"{'-' * negative}{value}", *rest])


def _read(words: list[str]) -> tuple[int, int]:
    """The number and how many words say it."""
    total, current, count = 0, 0, 0
    last = 0
    for position, word in enumerate(words):
        if word in _VALUES and (not last or last >= 100 or (last >= 20 and _VALUES[word] < 10)):
            current, last = current + _VALUES[word], _VALUES[word] or 1
        elif word == "hundred" and last:
            current, last = current * 100, 100
        elif word in _SCALES and last:
            total, current, last = total + current * _SCALES[word], 0, _SCALES[word]
        elif word == "and" and last >= 100:
            continue
        else:
            break
        count = position + 1
    return total + current, count
