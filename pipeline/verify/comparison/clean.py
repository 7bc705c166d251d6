"""An answer's text without what only sets it: delimiters, spacing, boxes, markdown, invisible characters."""

from __future__ import annotations

import re
import unicodedata

from tracewright.pipeline.verify.extraction.spans import unwrap_formulas

_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,?\\[!,]|,\\!)\s*(?=\d{3}(?!\d))")
_DELIMITER = re.compile(r"\\[()\[\]]|\$\$")
_SPACING = re.compile(
    r"(?<!\\)\\[,;:!> ]|\\(?:displaystyle|textstyle|limits|nolimits|hfill|hspace\*?\{[^{}]*\})"
    r"|[~\u00a0\u2009\u202f]"
)
_MARKDOWN = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])|(?<!\w)__(?=\w)|(?<=\w)__(?!\w)|`")
_HTML = re.compile(r"</?(?:b|i|u|em|strong|code|span|p|br|div|sub|sup)\b[^<>]{0,100}>", re.IGNORECASE)
_TIMES = re.compile(r"(?<=\d)\s?[xX]\s?(?=\d)")
_TRAILING = " \t\n.,;:!?"


def clean_answer(text: str) -> str:
    """The text with Unicode in its usual form and one space for every space; what it says stays as it is."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    text = _TIMES.sub(" × ", _THOUSANDS.sub("", text))
    text = _HTML.sub("", _MARKDOWN.sub("", text))
    return " ".join(text.split()).strip()


def strip_delimiters(text: str) -> str:
    """The cleaned text outside of formula delimiters; a dollar sign before a number stays, it may be a price."""
    text = _DELIMITER.sub(" ", unwrap_formulas(text))
    if text.startswith("$") and text.rstrip(_TRAILING).endswith("$") and len(text) > 1:
        text = text.rstrip(_TRAILING)[1:-1]
    return " ".join(_SPACING.sub(" ", text).split()).rstrip(" .,;:").lstrip(" ,;:=")
