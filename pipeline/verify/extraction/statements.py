"""The answer that prose states: the formula, the number or the words that it comes to."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.comparison.dates import DATE
from tracewright.pipeline.verify.comparison.units import is_unit
from tracewright.pipeline.verify.extraction.phrases import before_clause, first_sentence, retracted, starts_as_answer
from tracewright.pipeline.verify.extraction.spans import Interval as Span
from tracewright.pipeline.verify.extraction.spans import formulas_in, runs_in
from tracewright.pipeline.verify.grammar.number_words import NUMBER_WORDS

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
_QUALIFIER = re.compile(
    r"(?:\b(?:at (?:least|most)|(?:more|less|fewer|greater|larger|smaller|other|bigger|higher|lower) than"
    r"(?: or equal to)?|except(?: for)?|not(?: equal to)?|isn't|aren't|cannot be|can't be|never|anything but|"
    r"all but|neither|nor|differ(?:s|ent)? from|over|under|above|below|"
    r"exceeds|up to|minus|negative|multiples? of|divisible by|between|nearly|almost|without|excluding|unless|no)\s+)$",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"(?:n['’]t|\b(?:not|never|doubt|unlikely|false|nobody))\b[^.!?,;:\n]{0,40}\b(?:is|are|be|equals?|that)\s+$",
    re.IGNORECASE,
)
"""`I don't think it is 5`."""
_MAX_QUALIFIER_CHARS = 80
_QUOTES = ("'", '"', "”", "’")
_VERDICT = re.compile(
    r"\b(?:no(?: real)? solutions?|does not exist|infinitely many(?: solutions)?|undefined|all real numbers|"
    r"cannot be determined|not enough information)\b",
    re.IGNORECASE,
)
_NEXT_NUMBER = re.compile(r"\s*\(?[$€£]?\d")
_UNIT_BETWEEN = re.compile(r"\s*([A-Za-z]+)\.?,?\s+(?:and\s+)?")
_UNIT_AFTER_NUMBER = re.compile(r"\d+\s*[A-Za-z]{2,}")
_NEXT_RESULT = re.compile(
    r"[.!?;]\s|[\n,:]|\b(?:is|are|was|were|so|thus|then|hence|therefore|equals?|gives?|gets?|makes?|leaves?|becomes?|"
    r"totals?|has|have|had|means?|not|or|costs?|earns?|needs?|comes?|left with)\b",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"(?<=[\d$)*])(?P<unit>%| [A-Za-z]{1,20})?(?:, (?:and |but )?not| and not"
    r"| (?:rather than|instead of)|, which (?:is|are) (?:more|less|fewer|greater|higher|lower|larger|smaller) than) "
    r"(?:[$€£]?\d|\$|\\[(a-z])[^.!?\n]{0,100}"
)
"""`$40, not $50`."""
_NEXT_CONCLUSION = re.compile(r"\b(?:so|thus|then|hence|therefore|answer|gives?|get|final|value)\b", re.IGNORECASE)
_OF_THE_WHOLE = re.compile(r"^ of (?:the|all|his|her|their|its|these|those)\b[^\d=]*$")
_MAX_UNKNOWNS = 6
_SPACES = re.compile(r"[ \t]{2,}")
_STEP = re.compile(r"[$\s]*(?:\d[^=]{0,100}[A-Za-z]|[A-Za-z][^=]{0,100}[-+*/^])[^=]{0,100}=")
"""An equation that is solved and not a value: `3n = 45 and n = 15`."""
_ENUMERATION = re.compile(
    r"^[ \t]*(?:[#*]+\s*)?(?:(?:step|case|part|question|problem)\s+\d+\s*[:.)]?|\d+[.)](?=\s))",
    re.IGNORECASE | re.MULTILINE,
)
_REMARK = re.compile(r"(?<=[\w%$*.!])\s{1,3}\((?P<inside>(?:[^()$\\]|\$(?=\d)){3,200})\)")
_PURPOSE = re.compile(
    r"(?P<stated>\b(?:is|are|was|were|takes?|took|needs?|needed|requires?|required|has|have|had|must|will|can|should)\b"
    r"(?:[^.!?\n=]|\.(?=\d)){0,120}?\d(?:[^.!?\n=\d]|\.(?=\d)){0,60}?[A-Za-z]) (?:in order )?"
    r"to (?!(?:the|an?|each|both|about|around|nearly|his|her|their|its|my|our|this|that|these|those|it|them|give|get|"
    r"equal|be|obtain|yield|become)\b)(?P<purpose>[a-z]{2,} (?:[^.!?\n=]|\.(?=\d))*)(?=[.!]?[\s*_]*$)"
)
"""`60 ways to choose 2 of the 5 books`: what it is for is not what it comes to."""
_PARTITIVE = re.compile(
    r"(?<=\d)((?: [A-Za-z]+){0,2} of (?:the|these|those|all|his|her|their|its)) [$€£]?\d[\d,]*(?= [A-Za-z])"
)
"""`8 of the 20 students`."""
_END = r"(?=[.!]?[\s*_]*$)"
_REST = r"(?:[^.!?\n=]|\.(?=\d)){0,200}"
_VERBS = r"(?:is|are|was|were|has|have|had|will|gives?|leaves?|makes?|gets?|needs?|costs?|means?)"
_LAST_REMARK = re.compile(
    rf"(?:,? (?:down|up) from [$€£]?\d{_REST}|, which (?:is|are|was|were) (?:[$€£]?\d[\d.,]*%? ?)?(?:[a-z]+ ){{0,2}}?"
    rf"(?:than|short of|shy of|from) {_REST}|,? i\.e\.,? (?![^.!?\n]{{0,200}}[<>≤≥]){_REST}|"
    rf", with [$€£]?\d[^,.!?\n=]{{0,80}}\b(?:each|per|from)\b{_REST}"
    rf"| (?:—|–) [$€£]?\d[^,.!?\n=]{{0,80}}\b(?:each|per|for|in|from)\b{_REST}"
    rf"|(?<=total): [$€£]?\d{_REST}|; if\b{_REST}\bwould\b{_REST}|,? (?:assuming|provided)\b{_REST}"
    rf"|(?: [A-Za-z]+)? because {_REST}(?:={_REST})?"
    rf"| (?:after|before|including) (?:the|an?|his|her|their|its) [$€£]?\d[\d.,]*%? (?!{_REST}\b{_VERBS}\b){_REST}"
    rf"|,? (?:out of|over|of|from|for|in|on|with|at|across|among|between|during|by) "
    rf"(?:the|his|her|their|its|these|those|all|our|my) (?:[a-z]+ )?[$€£]?\d[\d.,]*%?"
    rf"(?:[ -](?!{_VERBS}\b)[A-Za-z]+){{0,3}}"
    rf"|,? (?:rather than|instead of) (?:the |an? |his |her |their )?(?:[a-z]+ )?[$€£]?\d{_REST}"
    rf"|,? \d+ (?:year|month|week|day|hour|minute)s? (?:from now|ago|later)"
    rf"|,? or (?:approximately|about|roughly|approx\.?) [$€£]?\d[\d.,]*(?: [a-z]+)?){_END}"
)
"""What a sentence adds to the number that it states."""
_STATED = re.compile(r"\d|√|\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b", re.IGNORECASE)
_DISPLAY = re.compile(r"\$\$.{1,2000}?\$\$|\\\[.{1,2000}?\\\]", re.DOTALL)
_INTRODUCED = re.compile(r"(?:\b(?:is|are|be|get|have|obtain|write)|:)[\s*_]*$")
_DESCRIPTION = re.compile(r"[\s.,]*(?:which|whose|with|where|having|This|That|It)\b(?P<said>[^=]*)$")
_ASSIGNED = re.compile(
    r"(?P<item>[ \t]*[-*•][ \t]+|[ \t]*\*\*)?[ \t]*[*_$]*(?:\\\()?[ \t]*"
    r"(?P<equation>(?P<name>[A-Za-z](?:_\w)?)[ \t]*=[ \t]*[^=\n]{1,80}?)[ \t]*(?:\\\))?[*_$.,; \t]*"
)
_ALTERNATIVE = re.compile(r"\b(?:or|maybe|perhaps)\b")
_GROUNDS = re.compile(
    # Not at the start of a sentence: `Since there are 12, it is 24` has its answer behind the grounds. Nor with an
    # equation in it: that is how the answer was found.
    r",?[ \t]+(?:(?:since|because)\s(?!.*=)|(?:(?:attained|achieved|reached) (?:at|when|for)"
    r"|(?<=[A-Za-z] )out of(?=\s\d))\s)(?!.*\b(?:so|thus|then|hence|therefore)\b)",
    re.DOTALL,
)
_NEXT_SENTENCE = re.compile(r"[.!?]\s+(?=[A-Z])|\n")
_QUESTION = re.compile(r"(?:^|(?<=[.!?\n]))(?:[^.!?\n]|\.(?=\d)){0,300}\?(?=[\s*\"')]+\S)")
"""A question that something follows: `Is it 5? No.` does not answer 5."""
_ASIDE = re.compile(
    r"(?<=[.!?\n])[ \t]*(?:Note|Remark|P\.?S|I hope|Let me know|Hope|Check(?:ing)?[:,]|Verification|To (?:check|verify)"
    r"|Let(?:'s| us| me) (?:check|verify|double-check))",
    re.IGNORECASE,
)
"""Behind it stands no answer, unless it takes one back."""


def answer_in_phrase(phrase: str) -> str:
    """A sentence's answer: what it begins with, if that is mathematics, or its last formula or number."""
    lead = _LEAD.match(phrase)
    phrase = phrase[lead.end() :] if lead else phrase
    if starts_as_answer(phrase):
        return before_clause(phrase)
    return last_mathematics(phrase) or phrase


def last_mathematics(text: str) -> str | None:
    """The last formula or number of a text, with those it is listed with and the words after it in its sentence.

    Words that make another answer of it (`at least 5`) belong to it. A last sentence that says that there is no
    solution, or that all numbers are, is the answer itself.
    """
    listed = assigned_values(text)
    if listed is not None:
        return listed
    text = _without_description(_without_asides(text))
    formulas = formulas_in(text)
    spans = sorted([*formulas, *runs_in(text, formulas)])
    *_, verdict = [None, *_VERDICT.finditer(text)]
    if verdict and (not spans or spans[-1][1] < verdict.start()):
        return verdict.group() + before_clause(first_sentence(text[verdict.start() :])[len(verdict.group()) :])
    if not spans:
        return _last_number_words(text)
    start, end = _chosen(text, spans)
    for date in DATE.finditer(text):
        if date.start() < end and start < date.end():
            return date.group()
    after = text[end:].split("\n", 1)[0]
    tail = "" if after[:1] in _QUOTES else after[: len(after) - len(after.lstrip())] + first_sentence(after)
    tail = _OF_THE_WHOLE.sub("", tail) if text[start:end].rstrip(" $").endswith("%") else tail
    return text[start:end] + before_clause(_NEXT_NUMBER.split(tail)[0])


def _last_number_words(text: str) -> str | None:
    """The last number in words, with what follows it in its sentence; a lone `one` may be no number."""
    *_, last = [None, *NUMBER_WORDS.finditer(text)]
    if last is None or last.group().casefold() == "one":
        return None
    before = text[max(0, last.start() - _MAX_QUALIFIER_CHARS) : last.start()]
    qualifier = _DENIAL.search(before) or _QUALIFIER.search(before)
    if qualifier:
        return text[last.start() - len(qualifier.group()) : last.end()]
    return f"{last.group()} {before_clause(first_sentence(text[last.end() :]))}".strip()


def _chosen(text: str, spans: list[Span]) -> Span:
    """The span of the answer: the last one, or an equation that it belongs to, with what it is linked to."""
    start, end = spans.pop()
    equation = _equation_before(text, spans, start, end)
    if equation is not None:
        spans, (start, end) = spans[:equation], spans[equation]
    while spans and _is_linked(text, spans[-1], start, end):
        start, _ = spans.pop()
    before = text[max(0, start - _MAX_QUALIFIER_CHARS) : start]
    qualifier = _DENIAL.search(before) or (None if "=" in text[start:end] else _QUALIFIER.search(before))
    if qualifier:
        start -= len(qualifier.group())
    return start, end


def _without_asides(text: str) -> str:
    """The text without notes behind the answer, grounds, numbers of steps and remarks in parentheses."""
    # First of all: some of the patterns below go over a run of spaces from each of its places.
    text = _SPACES.sub(" ", text)
    aside = _ASIDE.search(text)
    aside = None if aside and retracted(text[aside.end() :]) else aside
    text = _without_grounds(_QUESTION.sub("", text[: aside.start()] if aside else text))
    text = _CONTRAST.sub(r"\g<unit>", _ENUMERATION.sub("", text))
    text = _REMARK.sub(lambda found: "" if _is_remark(found["inside"]) else found.group(), text)
    return _without_remark(_PARTITIVE.sub(r"\g<1>", _without_purpose(text)))


def _without_purpose(text: str) -> str:
    """The text without what its last sentence says a number is for: `14 more stickers to reach her goal of 50`."""
    *_, sentence = [None, *_NEXT_SENTENCE.finditer(text.rstrip())]
    found = _PURPOSE.search(text, sentence.end() if sentence else 0)
    if found is None or _NEXT_RESULT.search(found["purpose"]):
        return text
    return text[: found.end("stated")]


def _without_remark(text: str) -> str:
    """The text without what its last sentence adds to the number that it states: `$35, down from $70`."""
    *_, sentence = [None, *_NEXT_SENTENCE.finditer(text.rstrip())]
    start = sentence.end() if sentence else 0
    found = _LAST_REMARK.search(text, start)
    return text[: found.start()] if found and _STATED.search(text, start, found.start()) else text


def _without_description(text: str) -> str:
    """The text up to a display that it leads to, where only a remark on it follows."""
    *_, display = [None, *_DISPLAY.finditer(text)]
    if display is None or not _INTRODUCED.search(text, max(0, display.start() - 40), display.start()):
        return text
    described = _DESCRIPTION.match(text, display.end())
    return text if described is None or _NEXT_CONCLUSION.search(described["said"]) else text[: display.end()]


def assigned_values(text: str, *, is_announced: bool = False) -> str | None:
    """The values of several unknowns, each in a last line of its own, in a list or behind a colon.

    With `is_announced` the text has nothing else; None where there are no such lines.
    """
    lines = [line for line in text.rstrip().splitlines() if line.strip()][-_MAX_UNKNOWNS - 1 :]
    found: list[re.Match[str]] = []
    while lines and (assigned := _ASSIGNED.fullmatch(lines[-1])):
        found.insert(0, assigned)
        lines.pop()
    if len({one["name"] for one in found}) != len(found) or len(found) < 2:
        return None
    is_stated = lines[-1].rstrip(" *_").endswith(":") if lines else is_announced
    return ", ".join(one["equation"] for one in found) if is_stated or all(one["item"] for one in found) else None


def _is_remark(inside: str) -> bool:
    """Whether what stands in parentheses is words, and no other answer."""
    return re.search(r"[A-Za-z]{3}", inside) is not None and not _ALTERNATIVE.search(inside)


def _is_linked(text: str, before: Span, start: int, end: int) -> bool:
    """Whether a formula or number goes on with the one `before` it: a list, a share, a ratio."""
    between = text[before[1] : start]
    if "=" in text[start:end] and _STEP.match(text, *before):
        return False
    if _LINK.fullmatch(between) or (between.strip() == "to" and "ratio" in text[: before[1]].casefold()):
        return True
    # `5 ft 6 in`
    unit = _UNIT_BETWEEN.fullmatch(between)
    return unit is not None and is_unit(unit[1]) and bool(_UNIT_AFTER_NUMBER.match(text, start))


def _equation_before(text: str, spans: list[Span], start: int, end: int) -> int | None:
    """The equation whose result the last number only says more of: `120/24 = 5 hours to read 120 pages`.

    It stands in the same sentence, and no word between them (`so`, `is`, `gives` …) states another result.
    """
    if _is_equation(text, start, end):
        return None
    for index in range(len(spans) - 1, -1, -1):
        # Piece by piece, so that a long text of numbers is read once.
        if _NEXT_RESULT.search(text, spans[index][1], start):
            return None
        start = spans[index][0]
        if _is_equation(text, *spans[index]):
            return index
    return None


def _is_equation(text: str, start: int, end: int) -> bool:
    """Whether a span holds an equals sign, or is the number behind one."""
    return "=" in text[start:end] or text[max(0, start - 3) : start].rstrip(" $").endswith("=")


def _without_grounds(text: str) -> str:
    """The text without a last clause that gives grounds: `it is $100, since each costs $5`."""
    *_, grounds = [None, *_GROUNDS.finditer(text)]
    if grounds is None or _NEXT_SENTENCE.search(text, grounds.end()):
        return text
    *_, sentence = [None, *_NEXT_SENTENCE.finditer(text, 0, grounds.start())]
    return (
        text[: grounds.start()] if re.search(r"\d", text[sentence.end() if sentence else 0 : grounds.start()]) else text
    )
