"""Where the answer stands in a completion.

The last of the strong marks decides: a box, `####`, `<answer>…</answer>`, "final answer". Without one, the last of the
weak marks: "the answer is", `A:`. Without any, a text that is no prose is the answer itself, and of prose the last
formula or number is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tracewright.pipeline.verify.comparison.units import is_unit
from tracewright.pipeline.verify.extraction.boxes import find_boxes, last_group
from tracewright.pipeline.verify.extraction.phrases import first_sentence, retracted, starts_as_answer
from tracewright.pipeline.verify.extraction.spans import formulas_in, runs_in
from tracewright.pipeline.verify.extraction.statements import answer_in_phrase, assigned_values, last_mathematics
from tracewright.pipeline.verify.grammar.notations import with_periods
from tracewright.pipeline.verify.limits import MAX_ANSWER_CHARS, MAX_PROSE_CHARS

_FINAL_WORDS = r"final\s+answers?|最终答案|réponse\s+finale|respuesta\s+final|endgültige\s+antwort"
_WORDS = r"answers?|答案|答え|réponse|respuesta|antwort|risposta|resposta|ответ"
_NAMED = re.compile(_WORDS, re.IGNORECASE)
"""Without a word for it there is neither a final answer nor one that `is` something."""
_VERB = r"(?:->|→|=>|(?:is|are|was|be|equals?|est|es|ist|lautet|è|é)\b|—|是|为|為|は|：|:|=)"
_BETWEEN = r"[^\n.:=：是为]{0,60}?"
_FINAL_ANSWER = re.compile(rf"(?:{_FINAL_WORDS})[*_]*(?:{_BETWEEN}{_VERB})?[ \t*_:：]*", re.IGNORECASE)
_ANSWER_IS = re.compile(rf"(?<!\w)(?:{_WORDS})[*_]*{_BETWEEN}{_VERB}[ \t*_:：]*", re.IGNORECASE)
_ANSWER_LABEL = re.compile(r"^[ \t*_>#-]*(?:A|Ans|Answer|Result|Solution)[ \t*_]*[:：][\s*_]*", re.MULTILINE)
_HASHES = re.compile(r"####[ \t]*(?P<answer>[^\n]*)")
_ANSWER_TAG = re.compile(r"</?answer>|\[/?answer\]", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:so|thus|therefore|hence)?,?\s*(?:the|my|our)?\s+(?=(?:final\s+)?answer)", re.IGNORECASE)
_ANNOUNCEMENT = re.compile(r"\\text\s*\{[^{}]*\banswer(?:\s+is)?\s*:?\s*\}", re.IGNORECASE)
_TIMES = re.compile(r"(?<=\d) ?[xX] ?(?=\d)")
_STYLED_LETTER = re.compile("[\U0001d400-\U0001d7ff]")
"""Letters of mathematical alphabets, such as 𝑥."""
_CALCULATOR = re.compile(r"<<[^<>\n]{0,200}>>")
"""GSM8K's annotations of what a calculator said."""
_UNIT_AFTER = re.compile(
    r"(?:\$|\\\))?\s*(?:\\[,; ]|~)*\s*"
    r"(?:\\(?:text|mathrm|mbox)\s*\{\s*(?P<set>[^{}]+)\}|(?P<plain>[A-Za-zμ°][\w/^²³]+))"
)
_PERCENT_AFTER = re.compile(r"\s*(?:\$|\\\))?\s*(?:\\?%|percent\b|per\s?cent\b)", re.IGNORECASE)
_PROSE_WORD = re.compile(r"(?<![\\\w])[^\W\d_]{2,}(?![\w(])")
_TEXT_COMMAND = re.compile(r"\\(?:text|mbox|textbf|mathrm|operatorname)\s*\{[^{}]*\}")
_DENIAL = re.compile(r"\b(?:not|cannot|never)\b|n't\b", re.IGNORECASE)
_INSTEAD = re.compile(r"[;,]\s*(?:but\s+)?(?:rather\s+)?it(?:['’]s|\s+is)\b(?!\s+not\b)", re.IGNORECASE)
"""`The answer is not 7, as one might think; it is 8`."""
_HEDGE = re.compile(
    r"\b(?:could|might|may) (?:also |well |instead )*be\b|\bor (?:maybe|possibly|perhaps)\b", re.IGNORECASE
)
"""Behind an answer: another one that is as good."""
_CONCLUSION = re.compile(
    r"[,;]\s+(?:(?:so|thus|hence|therefore|then)\b|(?:[A-Za-z]+\s){1,3}(?:will|is|are|was|were|has|have|had)\s)"
    r"|=[^=\n]{1,80}\s(?:has|have|gives|means)\s",
    re.IGNORECASE,
)
_NEXT_SENTENCE = re.compile(r"[.!?]\s+\S|[。！？]|\n")
_CUT_OFF = re.compile(
    r"(?:\b(?:by|and|or|the|(?<=[a-z] )an?|of|with|to|into|from|for|that|which|because|since|when|if|but|we|so|then|"
    r"next|first|now|is|are|equals?)|[,(+/=×÷])[\s*_]*$",
    re.IGNORECASE,
)
"""A sentence that was never ended states nothing."""
_DECLINED = re.compile(
    r"\bI(?:['’]d| would)? (?:need (?:to know|more information)|can(?:no|['’])t (?:say|tell|answer|determine)"
    r"|do(?:n['’]t| not) know|am not (?:sure|able)|am unable|was unable)\b[^.!?]{0,200}[.!?]?\s*$"
)
"""A last sentence that declines to answer."""
_MAX_WORDS = 8
"""An answer that stands alone has at most so many words beside its mathematics."""


_MAX_END_CHARS = 40


class AnswerSource(StrEnum):
    """What marked the answer."""

    BOXED = "boxed"
    HASHES = "hashes"
    ANSWER_TAG = "answer_tag"
    FINAL_ANSWER = "final_answer"
    ANSWER_IS = "answer_is"
    ANSWER_LABEL = "answer_label"
    WHOLE = "whole"
    LAST_MATHEMATICS = "last_mathematics"
    CODE_BLOCK = "code_block"


@dataclass(frozen=True)
class Extraction:
    """An answer as it stands in a text, what marked it and where the mark begins."""

    text: str
    source: AnswerSource
    start: int


def extract_marked(text: str, *, raw: bool = False, label: re.Pattern[str] = _ANSWER_LABEL) -> Extraction | None:
    """The answer that the last strong mark names, else the last weak one; None where there is no mark.

    With `raw`, what follows a mark in words is the whole sentence and not the mathematics in it. `label` is what marks
    an answer at the start of a line.
    """
    is_named = _NAMED.search(text) is not None
    final = _prose(text, _FINAL_ANSWER, AnswerSource.FINAL_ANSWER, raw=raw) if is_named else ()
    strong = [*_boxed(text), *_hashes(text), *_tags(text, raw=raw), *final]
    if strong:
        return max(strong, key=lambda found: found.start)
    weak = [
        *(_prose(text, _ANSWER_IS, AnswerSource.ANSWER_IS, raw=raw) if is_named else ()),
        *_prose(text, label, AnswerSource.ANSWER_LABEL, raw=raw),
    ]
    return max(weak, key=lambda found: found.start, default=None)


def extract_mathematics(text: str) -> Extraction | None:
    """The answer of a shown text (thinking removed): marked, or the text itself, or the last formula or number."""
    text = _STYLED_LETTER.sub(lambda letter: unicodedata.normalize("NFKC", letter.group()), text)
    text = with_periods(_TIMES.sub(" × ", _CALCULATOR.sub("", text)))
    marked = extract_marked(text)
    if marked is not None:
        return marked
    whole = text.strip()
    if not whole:
        return None
    listed = assigned_values(whole, is_announced=True)
    if listed is not None:
        return Extraction(listed, AnswerSource.WHOLE, 0)
    if _is_answer_itself(whole):
        stated = None if starts_as_answer(whole) else last_mathematics(whole)
        return Extraction(stated or whole, AnswerSource.WHOLE, 0)
    tail = text[-MAX_PROSE_CHARS:]
    if _CUT_OFF.search(tail[-_MAX_END_CHARS:]) or _DECLINED.search(tail):
        return None
    found = last_mathematics(tail)
    if found is not None:
        return Extraction(found, AnswerSource.LAST_MATHEMATICS, len(text) - len(tail))
    return Extraction(whole, AnswerSource.WHOLE, 0)


def _boxed(text: str) -> Iterator[Extraction]:
    boxes = find_boxes(text)
    if boxes:
        group = last_group(text, boxes)
        contents = list(dict.fromkeys(_without_announcement(box.content.strip()) for box in group))
        unit = _unit_after(text, group[-1].end) if len(contents) == 1 else ""
        yield Extraction(", ".join(contents) + unit, AnswerSource.BOXED, group[-1].start)


def _unit_after(text: str, position: int) -> str:
    """A percent sign or a unit that stands behind a box."""
    if _PERCENT_AFTER.match(text, position):
        return "%"
    found = _UNIT_AFTER.match(text, position)
    words = (found["set"] or found["plain"]) if found else ""
    is_measure = bool(words) and words != "in" and is_unit(re.split(r"[\s/^²³]", words.strip())[0])
    return f" {words}" if is_measure else ""


def _without_announcement(content: str) -> str:
    r"""`\text{The answer is } 10` says 10."""
    found = _ANNOUNCEMENT.match(content)
    return content[found.end() :].strip() or content if found else content


def _hashes(text: str) -> Iterator[Extraction]:
    for found in _HASHES.finditer(text):
        answer = found["answer"].strip()
        announced = _ANSWER_IS.match(_ARTICLE.sub("", answer))
        if announced:
            answer = _ARTICLE.sub("", answer)[announced.end() :].strip()
        if answer:
            yield Extraction(answer, AnswerSource.HASHES, found.start())


def _tags(text: str, *, raw: bool) -> Iterator[Extraction]:
    opened: int | None = None
    for tag in _ANSWER_TAG.finditer(text):
        if "/" not in tag.group():
            opened = tag.end()
        elif opened is not None and text[opened : tag.start()].strip():
            inner = text[opened : tag.start()]
            nested = extract_marked(inner, raw=True) if raw else extract_mathematics(inner)
            yield Extraction(nested.text if nested else inner.strip(), AnswerSource.ANSWER_TAG, tag.start())
            opened = None


def _prose(text: str, mark: re.Pattern[str], source: AnswerSource, *, raw: bool) -> Iterator[Extraction]:
    """The answer after the last mark that something follows, or what the text corrects it to."""
    offset = max(0, len(text) - MAX_PROSE_CHARS)
    for found in reversed(list(mark.finditer(text, offset))):
        sentence = first_sentence(text[found.end() :])
        denial = _DENIAL.search(found.group())
        if denial and not _INSTEAD.search(found.group(), denial.end()):
            sentence = f"not {sentence}"
        if sentence.removeprefix("not ").strip() not in ("", "$"):
            stated = sentence if raw else _stated(sentence, text[found.end() :])
            yield Extraction(_balanced(stated), source, found.start())
            return


def _balanced(text: str) -> str:
    """The text without a last bracket that nothing opens: `{"answer": 12}`."""
    closes = text[-1:] in ("}", ")", "]") and text.count(text[-1]) > text.count(
        {"}": "{", ")": "(", "]": "["}[text[-1]]
    )
    return text[:-1].strip(" \"'") if closes else text


def _stated(sentence: str, text: str) -> str:
    if _HEDGE.search(sentence):
        return sentence
    listed = assigned_values(text, is_announced=True)
    if listed is not None:
        return listed
    correction = retracted(text)
    corrected = last_mathematics(correction) if correction else None
    return corrected or answer_in_phrase(sentence)


def _is_answer_itself(text: str) -> bool:
    """Whether a text without marks is nothing but an answer, perhaps with its unit and a few words."""
    if len(text) > MAX_ANSWER_CHARS or _CONCLUSION.search(text):
        return False
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all("=" in line for line in lines):
        return False  # a derivation, line by line
    formulas = formulas_in(text)
    if not starts_as_answer(text):
        return not formulas and not runs_in(text, formulas)
    bare = text
    for start, end in reversed(formulas):
        bare = f"{bare[:start]} {bare[end:]}"
    words = _PROSE_WORD.findall(_TEXT_COMMAND.sub(" ", bare))
    return len(words) <= _MAX_WORDS and not (words and _NEXT_SENTENCE.search(bare.strip()))
