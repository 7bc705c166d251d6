"""Short answers in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracewright.pipeline.verify.comparison.dates import read_date
from tracewright.pipeline.verify.comparison.normal_text import normal_words
from tracewright.pipeline.verify.evaluation.values import Finding, Truth
from tracewright.pipeline.verify.extraction.extract import AnswerSource, Extraction, extract_marked
from tracewright.pipeline.verify.extraction.phrases import first_sentence
from tracewright.pipeline.verify.grammar.number_words import read_number_words
from tracewright.pipeline.verify.limits import MAX_PROSE_CHARS
from tracewright.pipeline.verify.policy import Policy

_COPULA = re.compile(
    r".*\b(?:is|it['’]s|are|was|were|be|called|named|say|choose|:)\s+(?P<rest>(?!not\b).+)", re.IGNORECASE | re.DOTALL
)
_PREPOSITION = re.compile(r"^(?:in|on|at|by|around)\s+", re.IGNORECASE)
_KIND_OF_THING = re.compile(
    r"^(?:the\s+)?(?:letter|word|number|city of|country of|name|year|month|colou?r)\s+", re.IGNORECASE
)
_SUBJECT = re.compile(
    r"(?P<subject>[^,;:]+?)\s+(?:is|was|are|were|has|had|did|does|wrote|won|made|built|became|led|\w+ed)\s",
    re.IGNORECASE,
)
_PLACED = re.compile(r".+\s(?:(?:in|on|at)\s+(?P<place>\S+)|(?<!followed )by\s+(?P<author>.+))")
_NEGATION = re.compile(r"\b(?:not|never|no|nobody|unlikely|doubt)\b|n['’]t\b", re.IGNORECASE)
_POLAR = frozenset({"yes", "no", "true", "false"})
_BOTH_POLES = re.compile(r"\b(?:yes|no|true|false)(?:\s*/\s*|\s+and\s+)(?:yes|no|true|false)\b", re.IGNORECASE)
_CONTRAST = re.compile(r",? (?:and |but )?not\s.*$", re.DOTALL)
"""`Oslo, not Bergen`."""
_STYLED = re.compile(r"\\(?:text|mbox|mathrm|mathbf)[a-z]{0,2}\s*\{(?P<words>[^{}]*)\}")
_LIST_WORD = re.compile(r"\s*(?:,|;|&|\band\b)\s*", re.IGNORECASE)


def extract_text(text: str) -> Extraction | None:
    """The answer of a shown text: what a mark names, else its last line that is not empty."""
    marked = extract_marked(text, raw=True)
    if marked is not None:
        return marked
    lines = text[-MAX_PROSE_CHARS:].strip().splitlines()
    return Extraction(lines[-1].strip(), AnswerSource.WHOLE, 0) if lines else None


def compare_texts(gold: str, given: str, policy: Policy) -> Finding:
    """Whether two short texts say the same: the same words, date or number, or the same things in another order."""
    wanted = _normal(gold, policy)
    if not wanted:
        return Finding(Truth.REFUSED, "text", "the gold answer has no words")
    if wanted in _POLAR:
        return _polar(wanted, given, policy)
    for candidate in _candidates(given):
        if _normal(candidate, policy) == wanted:
            return Finding(Truth.SAME, "text", "the same words")
    if policy.list_order == "any" and _parts(gold, policy) == _parts(given, policy) and len(_parts(gold, policy)) > 1:
        return Finding(Truth.SAME, "text", "the same things in another order")
    return Finding(Truth.DIFFERENT, "text", "the words differ")


def _polar(wanted: str, given: str, policy: Policy) -> Finding:
    """Yes or no: the first word says it, `No, it is not`."""
    given = _STYLED.sub(r"\g<words>", given)
    stated = _COPULA.fullmatch(first_sentence(given))
    firsts = [re.match(r"\W*(\w+)", text) for text in (given, stated["rest"] if stated else "")]
    same = any(first is not None and _normal(first[1], policy) == wanted for first in firsts)
    same = same and not re.search(r"\bor\b", given) and not _BOTH_POLES.search(given)
    return Finding(Truth.SAME if same else Truth.DIFFERENT, "text", "by its first word")


def _candidates(text: str) -> Iterator[str]:
    yield text
    sentence = first_sentence(text)
    yield sentence
    stated = _COPULA.fullmatch(sentence)
    if stated and not _NEGATION.search(sentence[: stated.start("rest")]):
        yield stated["rest"]
        yield _CONTRAST.sub("", stated["rest"])
    yield _PREPOSITION.sub("", sentence)
    yield _KIND_OF_THING.sub("", sentence)
    subject = _SUBJECT.match(sentence)
    if subject and not _NEGATION.search(sentence):
        yield subject["subject"]
    placed = _PLACED.fullmatch(sentence)
    if placed and not _NEGATION.search(sentence):
        yield placed["place"] or placed["author"]


def _normal(text: str, policy: Policy) -> str:
    words = normal_words(text, ignore_case=policy.ignore_case)
    return read_date(words.casefold()) or read_number_words(words) or words


def _parts(text: str, policy: Policy) -> list[str]:
    return sorted(_normal(part, policy) for part in _LIST_WORD.split(text) if part)
