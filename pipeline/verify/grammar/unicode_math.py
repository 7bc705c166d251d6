"""Unicode mathematics written as the LaTeX that means the same, so that the lexer reads one alphabet."""

from __future__ import annotations

import re
import unicodedata

from tracewright.pipeline.verify.grammar import vocabulary as known

_SUPERSCRIPT_RUN = re.compile(f"[{re.escape(''.join(known.SUPERSCRIPTS))}]+")
_SUBSCRIPT_RUN = re.compile(f"[{re.escape(''.join(known.SUBSCRIPTS))}]+")
_SMALL_FRACTION = re.compile("([⁰¹²³⁴⁵⁶⁷⁸⁹]{1,20})[⁄/∕]([₀₁₂₃₄₅₆₇₈₉]{1,20})")
_ROOT_OF_NUMBER = re.compile(r"√\s*(\d+(?:\.\d+)?|[A-Za-z])")
_TABLE = str.maketrans(known.SIGNS_TO_LATEX)


def to_latex(text: str) -> str:
    """The text with `²` as `^{2}`, `½` as `\\frac{1}{2}`, `π` as `\\pi` and so on; what has no such form stays."""
    if text.isascii():
        return text
    text = _SMALL_FRACTION.sub(_fraction, text)
    text = _ROOT_OF_NUMBER.sub(r"\\sqrt{\1}", text)
    text = _SUPERSCRIPT_RUN.sub(lambda run: f"^{{{_script(run.group(), known.SUPERSCRIPTS)}}}", text)
    text = _SUBSCRIPT_RUN.sub(lambda run: f"_{{{_script(run.group(), known.SUBSCRIPTS)}}}", text)
    text = text.translate(_TABLE)
    # Letters of mathematical alphabets, such as 𝑥; nothing with a meaning of its own is left at this point.
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_TABLE)


def _fraction(found: re.Match[str]) -> str:
    """`²⁄₄` is one fraction, and no power with a subscript."""
    return f"\\frac{{{_script(found[1], known.SUPERSCRIPTS)}}}{{{_script(found[2], known.SUBSCRIPTS)}}}"


def _script(run: str, table: dict[str, str]) -> str:
    return "".join(table[character] for character in run)
