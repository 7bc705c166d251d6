"""The answer inside a sentence of prose: its formula, its number or the words themselves."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.spans import formulas_in, runs_in

_LINK = re.compile(
    r"\s*(?:[,;&、，]|(?:[,;]\s*)?\(?(?:and|or|和|或)\b(?:\s+(?:maybe|perhaps|possibly|also|else|even))?"
    r"|[,;]?\s*\(?(?:maybe|perhaps|possibly)\b"
    r"|\s+(?:in|out of)|[,;.]?\s*(?:or |and )?(?:it |that |this )?(?:could|might|may)(?: also)? be\b"
    r")\s*\(?",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?:(?:either|both|approximately|approx\.?|about|around|roughly|exactly|equal(?:s| to)?|simply|just|only|thus|"
    r"therefore|indeed|hence|given by|going to be|for sure|definitely|clearly|probably|likely|most|maybe|perhaps|"
    r"that|now|the (?:number|value|integer|fraction|pair|set|interval))\b[\s:,]*)+",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[\s,;(]+(?:because|since|which|so|thus|therefore|hence|but|not|rather than|instead of|as required|as desired|"
    r"where|is the|are the|and (?![A-Za-z]\s?[=<>(])(?=[A-Za-z]{2})\w+)\b",
    re.IGNORECASE,
)
_QUALIFIER = re.compile(
    r"(?:\b(?:at (?:least|most)|(?:more|less|fewer|greater|larger|smaller|other|bigger|higher|lower) than"
    r"(?: or equal to)?|except(?: for)?|not(?: equal to)?|isn't|aren't|cannot be|can't be|never|over|under|above|below|"
    r"exceeds|up to|minus|negative|multiples? of|divisible by|between|nearly|almost|without|excluding|unless|no)\s+)$",
    re.IGNORECASE,
)
_MAX_QUALIFIER_CHARS = 40
_QUOTES = ("'", '"', "”", "’")
_WRAPPING = ' \t*_`"“”‘'
_SENTENCE_END = re.compile(r"[.!?](?!\s*[Oo]r\b)(?=[\s\"')\]*]|$)|[。！？]|\n")
_STARTS_AS_ANSWER = re.compile(
    r"[-+−±√∛\\$€£¥₹({\[\]|\d.½⅓⅔¼¾∅π∞=]"
    # A letter, a short product or a function of letters, and then an operator, a relation or a LaTeX command.
    r"|[A-Za-zα-ω]{1,3}(?:_\{?\w+\}?|\d|')*(?:\([A-Za-z0-9, ]{1,10}\))?\s?(?:[=<>≤≥≠≈∈^*/+!²³|(_-]|\\[a-z]|$)"
    r"|[A-Za-z]+(?: [A-Za-z]+){0,2}\s?="
    r"|(?:sqrt|sin|cos|tan|log|ln|pi|exp|factorial)\b"
)
_BULLET = re.compile(r"^\s*\n\s*[-•*]\s+")
_VERDICT = re.compile(
    r"\b(?:no(?: real)? solutions?|does not exist|infinitely many(?: solutions)?|undefined|all real numbers|"
    r"cannot be determined|not enough information)\b",
    re.IGNORECASE,
)
_CIRCUMSTANCE = re.compile(r"\b(?:in|for|per|every|from|during|within|after|over)\s+$", re.IGNORECASE)
_ENUMERATION = re.compile(
    r"^\s*(?:[#*]+\s*)?(?:(?:step|case|part|question|problem)\s+\d+\s*[:.)]?|\d+[.)](?=\s))",
    re.IGNORECASE | re.MULTILINE,
)
_REMARK = re.compile(r"(?<=[\w%$]) \((?![^()]*(?:or|maybe|perhaps)\b)[^()$\\]*[A-Za-z]{3,}[^()$\\]*\)")
_GROUNDS = re.compile(
    r",?\s+(?:since|because|(?:attained|achieved|reached) (?:at|when|for)|(?<=[A-Za-z] )out of)\s"
    r"(?!.*\b(?:so|thus|then|hence|therefore)\b)",
    re.IGNORECASE | re.DOTALL,
)
_NEXT_SENTENCE = re.compile(r"[.!?]\s+(?=[A-Z])|\n")
_ASIDE = re.compile(r"(?<=[.!?\n])\s*(?:Note|Remark|P\.?S|I hope|Let me know|Hope|Check:|Verification)", re.IGNORECASE)
_RETRACTION = re.compile(
    r"\b(?:wait|actually|correction|oops|scratch that|(?:that|this)(?:'s| is| was) (?:wrong|incorrect|a mistake)"
    r"|but\b[^.\n]{1,100}\bso (?:it|the answer) (?=is|must|should))\b",
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


def answer_in_phrase(phrase: str) -> str:
    """A sentence's answer: what it begins with, if that is mathematics, or its last formula or number."""
    lead = _LEAD.match(phrase)
    phrase = phrase[lead.end() :] if lead else phrase
    if starts_as_answer(phrase):
        return _before_clause(phrase)
    return last_mathematics(phrase) or phrase


def last_mathematics(text: str) -> str | None:
    """The last formula or number of a text, with those it is listed with and the words after it in its sentence.

    Words that make another answer of it (`at least 5`) belong to it. A last sentence that says that there is no
    solution, or that all numbers are, is the answer itself.
    """
    aside = _ASIDE.search(text)
    text = _without_grounds(text[: aside.start()] if aside else text)
    text = _REMARK.sub("", _ENUMERATION.sub("", text))
    formulas = formulas_in(text)
    spans = sorted([*formulas, *runs_in(text, formulas)])
    *_, verdict = [None, *_VERDICT.finditer(text)]
    if verdict and (not spans or spans[-1][1] < verdict.start()):
        return verdict.group() + _before_clause(first_sentence(text[verdict.start() :])[len(verdict.group()) :])
    if not spans:
        return None
    start, end = spans.pop()
    if spans and _is_circumstance(text, spans[-1], start, end):
        start, end = spans.pop()
    while spans and _is_linked(text, spans[-1][1], start):
        start, _ = spans.pop()
    qualifier = _QUALIFIER.search(text[max(0, start - _MAX_QUALIFIER_CHARS) : start])
    start -= len(qualifier.group()) if qualifier else 0
    after = text[end:].split("\n", 1)[0]
    tail = "" if after[:1] in _QUOTES else after[: len(after) - len(after.lstrip())] + first_sentence(after)
    return text[start:end] + _before_clause(tail)


def _is_linked(text: str, end: int, start: int) -> bool:
    """Whether a formula or number that begins at `start` goes on with what ended at `end`: a list, a share, a ratio."""
    between = text[end:start]
    return _LINK.fullmatch(between) is not None or (between.strip() == "to" and "ratio" in text[:end].casefold())


def _is_circumstance(text: str, before: tuple[int, int], start: int, end: int) -> bool:
    """Whether the last number only says when or for what an equation before it in its sentence holds."""
    between = text[before[1] : start]
    is_equation = "=" in text[slice(*before)] and "=" not in text[start:end]
    return is_equation and _CIRCUMSTANCE.search(between) is not None and _NEXT_SENTENCE.search(between) is None


def _without_grounds(text: str) -> str:
    """The text without a last clause that gives grounds: `it is $100, since each costs $5`."""
    *_, grounds = [None, *_GROUNDS.finditer(text)]
    if grounds is None or _NEXT_SENTENCE.search(text, grounds.end()):
        return text
    *_, sentence = [None, *_NEXT_SENTENCE.finditer(text, 0, grounds.start())]
    return (
        text[: grounds.start()] if re.search(r"\d", text[sentence.end() if sentence else 0 : grounds.start()]) else text
    )


def retracted(text: str) -> str | None:
    """What a text that takes an answer back says after that; None where it takes none back."""
    found = _RETRACTION.search(text)
    return text[found.end() :] if found else None


def _before_clause(phrase: str) -> str:
    clause = _CLAUSE.search(phrase)
    return (phrase[: clause.start()] if clause else phrase).rstrip(" ,;")
