"""Times of day: `8:34 PM`, `20:34`, `8 a.m.`, `noon`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?)?\s*(?P<half>[ap]\.?\s?m\b\.?)?"
    r"(?P<clock>\s*o['’]?\s?clock)?",
    re.IGNORECASE,
)
_WORDS = {"noon": "12:00 pm", "midday": "12:00 pm", "midnight": "12:00 am"}
_TEXT_COMMAND = re.compile(r"\\(?:text|mbox|mathrm|textrm)\s*\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day in seconds; `half` is `a` or `p` where the text says which half of the day."""

    seconds: int
    half: str


def read_clock(text: str) -> Clock | None:
    """The time of day that a text consists of; None where it is none. A bare hour needs its AM or PM."""
    text = _TEXT_COMMAND.sub(r" \1 ", text).replace("~", " ").strip(" .$")
    found = _CLOCK.fullmatch(_WORDS.get(text.lower(), text))
    if found is None or not (found["minute"] or found["half"] or found["clock"]):
        return None
    hour, half = int(found["hour"]), (found["half"] or "")[:1].lower()
    if hour > 24 or (half and not 1 <= hour <= 12):
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return Clock(hour * 3600 + int(found["minute"] or 0) * 60 + int(found["second"] or 0), half)


def same_clock(a: Clock, b: Clock) -> bool:
    """Whether two times are the same; where one names no half of the day, it may stand for either."""
    if a.seconds == b.seconds:
        return True
    half_day = 12 * 3600
    return bool(a.half) != bool(b.half) and _is_ambiguous(a, b) and a.seconds % half_day == b.seconds % half_day


def _is_ambiguous(a: Clock, b: Clock) -> bool:
    """Whether the time without a half of the day is a clock face's: from 1:00 to 12:59."""
    bare = b if a.half else a
    return 3600 <= bare.seconds < 13 * 3600
