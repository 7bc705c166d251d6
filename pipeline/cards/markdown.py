"""Untrusted text inside Markdown: shown as it is, and never read as Markdown, HTML or a table's border.

Names, reasons and prompts come from files and models. Every one of them stands in a code span or a fenced block, where
CommonMark reads no markup, and whose fence is longer than any run of backticks inside.
"""

from __future__ import annotations

import re
import unicodedata

MAX_INLINE_CHARS = 160
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BACKTICKS = re.compile("`+")
_MIN_FENCE = 3


def code(text: str) -> str:
    """The text as a code span of one line, cut where it is long."""
    line = _clean(" ".join(text.split()))
    line = line if len(line) <= MAX_INLINE_CHARS else line[:MAX_INLINE_CHARS] + " …"
    if not line:
        return "(empty)"
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: str) -> str:
    """The same inside a table, where a bar ends the cell even in a code span."""
    return code(text).replace("|", "\\|")


def block(text: str, language: str = "text") -> str:
    """The text as a fenced block."""
    clean = _clean(text.replace("\r\n", "\n").replace("\r", "\n"), keep="\n\t")
    fence = "`" * max(_MIN_FENCE, _longest_run(clean) + 1)
    return f"{fence}{language}\n{clean}\n{fence}"


def plain_line(text: str, max_chars: int) -> str:
    """The text on one line without control and invisible characters (some end the process that draws them)."""
    line = _clean(" ".join(text.split()))
    return line if len(line) <= max_chars else line[:max_chars] + "…"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _clean(text: str, keep: str = "") -> str:
    """Without control characters and without the invisible ones that turn the direction of what follows."""
    return "".join(char if char in keep or unicodedata.category(char)[0] != "C" else _REPLACEMENT for char in text)
