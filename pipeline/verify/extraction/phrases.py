"""Sentences: where they end, whether they begin as an answer does, and what in them takes an answer back."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.extraction.spans import formulas_in

_CLAUSE = re.compile(
    r"(?:,\s*(?:is|are|was|were)|(?<![\s,;(])[\s,;(]+(?:because|since|which|i\.?e|that is|equivalently|"
    r"so|thus|therefore|hence|but|not|rather than|instead of|as required|as desired|"
    r"the same|including|only|"
    r"where|is the|are the|and (?:an?|the) (?!half|third|quarter)|and (?![A-Za-z]\s?[=<>(])(?=[A-Za-z]{2})\w+))\b",
    re.IGNORECASE,
)
_WRAPPING = ' \t*_`"“”‘'
_SENTENCE_END = re.compile(r"(?<!\bi\.e)(?<!\be\.g)(?<!\bapprox)[.!?](?!\s*[Oo]r\b)(?=[\s\"')\]*]|$)|[。！？]|\n")
_STARTS_AS_ANSWER = re.compile(
    r"[-+−±√∛∜\\$€£¥₹({\[\]|\d.½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞∅π∞=]|–(?=[\d.])"
    # A letter, a short product or a function of letters, and then an operator, a relation or a LaTeX command.
    r"|[A-Za-zα-ω]{1,3}(?:_\{?\w+\}?|\d|')*(?:\([A-Za-z0-9, ]{1,10}\))?\s?(?:[=<>≤≥≠≈∈^*/+!²³|(_-]|\\[a-z]|$)"
    r"|[A-Za-z]+(?: [A-Za-z]+){0,2}\s?="
    r"|(?:sqrt|sin|cos|tan|log|ln|pi|exp|factorial)\b"
)
_BULLET = re.compile(r"^[ \t]*\n\s*[-•*>]\s+")
_RETRACTION = re.compile(
    r"\b(?:wait|actually|correction|oops|scratch that|(?:that|this)(?:'s| is| was) (?:wrong|incorrect|a mistake)"
    r"|on (?:reflection|second thought)|no, (?=it (?:is|must|should)|the answer)"
    r"|but\b[^.\n]{1,100}\bso (?:it|the answer) (?=is|must|should)"
    r"|but\b[^.\n]{1,100}\b(?:it|the answer) (?:must|should)(?= be [-\d$\\(]))\b",
    re.IGNORECASE,
)


def first_sentence(text: str) -> str:
    """The text up to where its first sentence ends; no sentence ends inside a formula."""
    text = _BULLET.sub("", text).lstrip(' \t\n*_:"“‘')
    formulas = formulas_in(text)
    for end in _SENTENCE_END.finditer(text):
        if not any(start <= end.start() < stop for start, stop in formulas):
            return text[: end.start()].strip(_WRAPPING)
    return text.strip(_WRAPPING)


def starts_as_answer(text: str) -> bool:
    """Whether a text begins with mathematics or with a name and a relation sign."""
    return _STARTS_AS_ANSWER.match(text) is not None


def retracted(text: str) -> str | None:
    """What a text that takes an answer back says after that; None where it takes none back."""
    found = _RETRACTION.search(text)
    return text[found.end() :] if found else None


def before_clause(phrase: str) -> str:
    """The phrase up to a clause that explains it."""
    clause = _CLAUSE.search(phrase)
    return (phrase[: clause.start()] if clause else phrase).rstrip(" ,;")
