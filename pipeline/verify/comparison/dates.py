"""Dates: the ways they are written in words and figures."""

from __future__ import annotations

import re

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_MONTH = "|".join(f"{month[:3]}(?:{month[3:]})?" if month != "may" else "may" for month in _MONTHS)
_DAY_FIRST = re.compile(rf"(?:on )?(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\.?(?: (\d{{4}}))?")
_MONTH_FIRST = re.compile(rf"(?:on )?({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?: (\d{{4}}))?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_MONTH_NAME = "|".join(f"{month[:3].title()}(?:{month[3:]})?" if month != "may" else "May" for month in _MONTHS)
DATE = re.compile(
    rf"(?<!\w)(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH_NAME})\b\.?(?:,? \d{{4}}\b)?"
    rf"|(?:{_MONTH_NAME})\b\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?)"
)
"""A date in prose, with the month in words."""


_HINT = re.compile(rf"{'|'.join(month[:3] for month in _MONTHS)}|\d-\d", re.IGNORECASE)


def may_be_date(text: str) -> bool:
    """Whether a text is worth bringing into its normal form to read a date from it."""
    return not text.isascii() or _HINT.search(text) is not None


def read_date(words: str) -> str | None:
    """A date in figures, `2024-03-15` or `-03-15`, from its normal words in small letters; None for what is none."""
    for pattern, order in ((_DAY_FIRST, (2, 1, 0)), (_MONTH_FIRST, (2, 0, 1)), (_ISO, (0, 1, 2))):
        found = pattern.fullmatch(words)
        if found:
            year, month, day = (found.groups()[place] for place in order)
            number = month if month.isdigit() else next(i for i, m in enumerate(_MONTHS, 1) if m.startswith(month[:3]))
            return f"{year or ''}-{int(number):02}-{int(day):02}"
    return None
