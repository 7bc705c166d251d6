"""One way of writing for what LaTeX, Markdown, HTML and Unicode write in several, so that a copy in another is a copy.

Not a parser: what it does not know stays as it stands, without its backslash. Every pass takes time in proportion to
the text.
"""

from __future__ import annotations

import html
import re
import unicodedata

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−–‐‑﹣", "-"),
        **dict.fromkeys("×·⋅∙∗", "*"),
        **dict.fromkeys("÷⁄∕", "/"),
        # Invisible: zero-width characters, soft hyphens, marks of direction.
        **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u00ad\u2060\ufeff", ""),
    }
)
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]+")
_VULGAR = re.compile("[¼-¾⅐-⅟↉]")

_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_POWER = re.compile(r"(?<=[\w)])\*\*(?=[\w(])")
_BULLET = re.compile(r"^[ \t]*[-*+•][ \t]+", re.MULTILINE)

_DEGREES = re.compile(r"\^\s*(?:\\(?:circ|degree)\b|\{\s*\\(?:circ|degree)\s*\})")
_NUMBER_BREAK = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!:;])(?=\d)")
_PART = r"\s*(?:\{([^{}]*)\}|(\w))"
_FRACTION = re.compile(r"\\[dtc]?frac" + _PART + _PART)
_GROUP = re.compile(r"(\^|_|\\(?![dtc]?frac\b)[a-z]+)\s*\{([^{}]*)\}")
_MAX_DEEP = 6
_SCOPED = ("^", "_", "\\sqrt")
_CALCULATION = re.compile(r"[^{}]+[-+*/][^{}]*")
_COMMAND = re.compile(r"\\([a-z]+|.)", re.DOTALL)
_COMMANDS = {
    **dict.fromkeys(("times", "cdot", "ast"), "*"),
    **dict.fromkeys(("le", "leq", "leqslant"), "≤"),
    **dict.fromkeys(("ge", "geq", "geqslant"), "≥"),
    **dict.fromkeys(("ne", "neq"), "≠"),
    **{"div": "/", "lt": "<", "gt": ">", "pm": "±", "mp": "∓", "sqrt": "√", "%": "%"},
    **dict.fromkeys(("left", "right", "big", "bigl", "bigr", "bigg", "biggl", "biggr", "middle"), ""),
    **dict.fromkeys(("text", "textbf", "textit", "textrm", "mathrm", "mathbf", "mathit", "mbox", "operatorname"), ""),
    **dict.fromkeys(("boxed", "displaystyle", "quad", "qquad", "circ", "degree", "hspace", "vspace"), ""),
    **dict.fromkeys(("(", ")", "[", "]"), ""),
}
"""In the place of a command; one that is not here leaves its name."""


def to_plain(text: str) -> str:
    """The text in lower case, in Unicode's compatible form, with one notation for signs, fractions and powers."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if not text.isascii():
        text = _to_ascii_signs(text)
    text = text.lower()
    if "\\" in text or "{" in text:
        text = _from_latex(text)
    if "**" in text:
        text = _POWER.sub("^", text).replace("**", " ")
    return _BULLET.sub(" ", text) if "\n" in text else text


def _to_ascii_signs(text: str) -> str:
    # Before the compatible form, which makes 210 of 2¹⁰ and 31/2 of 3½.
    text = _RAISED.sub(lambda match: "^" + match[0], text)
    text = _VULGAR.sub(lambda match: " " + match[0], text)
    return unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS)


def _from_latex(text: str) -> str:
    text = _DEGREES.sub(" ", _NUMBER_BREAK.sub(",", text))
    # From the inside out: a group that holds another one matches when that is gone.
    for _ in range(_MAX_DEEP):
        text, opened = _GROUP.subn(_open, text)
        text, divided = _FRACTION.subn(_divide, text)
        if not opened + divided:
            break
    return _COMMAND.sub(lambda match: f" {_COMMANDS.get(match[1], match[1])} ", text)


def _open(match: re.Match[str]) -> str:
    before, inside = match[1], match[2]
    if before in _SCOPED and _CALCULATION.fullmatch(inside):
        inside = f"({inside})"
    return f"{before} {inside} " if before.startswith("\\") else f"{before}{inside} "


def _divide(match: re.Match[str]) -> str:
    above, below = match[1] or match[2] or "", match[3] or match[4] or ""
    return f" {_enclose(above)}/{_enclose(below)} "


def _enclose(part: str) -> str:
    return f"({part})" if _CALCULATION.fullmatch(part) else part
