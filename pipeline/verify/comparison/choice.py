"""Multiple choice: letters, the options behind them, and what a completion picks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tracewright.pipeline.verify.comparison.mathematics import compare_mathematics, prepare
from tracewright.pipeline.verify.comparison.normal_text import normal_words, same_words
from tracewright.pipeline.verify.evaluation.values import Finding, Truth
from tracewright.pipeline.verify.extraction.extract import AnswerSource, Extraction, extract_marked
from tracewright.pipeline.verify.extraction.phrases import retracted
from tracewright.pipeline.verify.limits import MAX_PROSE_CHARS
from tracewright.pipeline.verify.policy import DEFAULT_POLICY

_LETTERS = "ABCDEFGHIJ"
_LETTER = r"(?<![\w'’])(?:[(\[{]\s*)?(?P<letter>[A-Ja-j])(?:\s*[)\]}])*(?![\w'’])"
_LEAD = re.compile(
    r"(?:(?:it's|it is|the (?:second |first |third |last )?(?:option|choice|letter)|not [A-J],? but|"
    r"option|choice|answer|letter|for sure|definitely|clearly|probably|likely|most likely|simply|just|indeed|"
    r"therefore|thus|both|either)\b[\s:,]*)+",
    re.IGNORECASE,
)
_LEADING = re.compile(rf"\s*{_LETTER}\s*(?P<mark>[.:,;)。：，、]|$|\s[-–—]|\s)", re.IGNORECASE)
_EXPLAINED = re.compile(
    r"\s*(?:because|since|as it|(?:and|but) not|not|rather than|is (?:correct|right|the)|,)", re.IGNORECASE
)
_SEVERAL = re.compile(
    r"\s*(?:options?\s+)?[(\[]?[A-J][)\]]?(?:\s*(?:,|/|&|and|or|,\s*and|,\s*or)\s*[(\[]?[A-J][)\]]?)+\s*[.]?\s*"
)
_ONE = re.compile(r"(?<![\w'’])[A-J](?![\w'’])")
_NAMED = re.compile(
    r"(?i:option|choice|answer|select|choose|pick)(?:\s+(?i:is|would be|should be|letter))?"
    r"[\s:*(\[]*(?P<letter>[A-J])(?![\w'’])"
    r"|(?i:option|choice)[\s*(\[]*(?P<small>[b-j])(?![\w'’])"
    r"|(?<![\w'’])(?P<settled>[A-J])[)\]*]* it is\b"
    r"|(?<![\w'’])(?P<right>[A-J])[)\]*]* is (?:the )?(?:correct|right|best|answer)"
)
_LABELLED = re.compile(r"\s*(?:\*\*)?[(\[]?[A-Ja-j](?:[)\].:。：]|$)")
_TURNED_DOWN = re.compile(r"\s*(?:\*\*)?[(\[]?[A-J][)\].:]+(?:\*\*)?\s*(?:no|wrong|incorrect|false)\b", re.IGNORECASE)
_LABEL = re.compile(r"^[ \t*_>#-]*(?:Ans|Answer|Result|Solution)[ \t*_]*[:：][\s*_]*", re.MULTILINE)
_LAST = re.compile(
    r"(?:\b(?i:is|so|thus|hence|therefore|leaves|leaving|(?:must|should|ha(?:s|ve) to|can only) be)|[:,])"
    r"\s*[*(\[]*(?P<letter>[A-J])[*)\]]*\s*[.!?]?\s*$"
)
_LONE = re.compile(r"^[\s*(\[]*(?P<letter>[A-J])[\s*)\].:]*$", re.MULTILINE)
_GOES_WITH = re.compile(r"\b(?:go|going|went) with\s+(?:option\s+)?[*(\[]*(?P<letter>[A-J])(?![\w'’])")
_DENIED = re.compile(
    r"[)\]*]*(?:\s+(?:above|below|here))?[,;]?\s*(?:it\s+)?(?:is|was|are)(?:n't|\s+(?:not|wrong|incorrect|false|impossible)\b)"
    r"|[)\]*]*\s+(?:can(?:no|')t|fails|does(?:n't| not))\b"
)
"""Behind a letter: `C is wrong`, `choice C above; it is incorrect`."""
_LISTED = re.compile(r"[ \t*_>-]{0,8}[(\[]?(?P<letter>[A-J])[)\].:][ \t]")
_LISTED_INLINE = re.compile(
    r"(?<![\w(])\(?(?P<letter>[A-J])\)[ \t]*(?P<option>[^\n]{1,200}?)[ \t,;]*(?=\s\(?[A-J]\)|\n|$)"
)
_MAX_OPTION_CHARS = 200
_RUN_OF_LETTERS = re.compile(r"A?B?C?D?E?F?G?")
_COMMAND = re.compile(r"\\(?:textbf|textit|textrm|text|mathrm|mathbf|boxed|mbox)\b\s*|\\[ ,;]|[{}$]|\\[()\[\]]|\*\*")


@dataclass(frozen=True, slots=True)
class Pick:
    """What a text picks: letters, and the words behind or instead of them."""

    letters: frozenset[str]
    words: str = ""
    text: str = ""
    """The whole text, as it was."""


def extract_choice(text: str) -> Extraction | None:
    """The part of a shown text that picks an option: what a mark names, a letter that stands alone, else the text."""
    marked = extract_marked(text, raw=True, label=_LABEL)
    if marked is not None:
        correction = retracted(text[marked.start :])
        corrected = _ONE.findall(correction) if correction else []
        if not corrected and marked.text.startswith("not "):
            other = _last_named(text[marked.start :])
            corrected = [group for group in other.groups() if group] if other else []
        return replace(marked, text=corrected[-1]) if corrected else marked
    tail = text[-MAX_PROSE_CHARS:].strip()
    if not tail:
        return None
    first = tail.split("\n")[0]
    if (_LABELLED.match(first) and not _TURNED_DOWN.match(first) and read_pick(first).letters) or len(
        read_pick(first).letters
    ) > 1:
        return Extraction(first, AnswerSource.WHOLE, 0)
    last = _last_named(tail)
    if last is not None:
        letter = next(group for group in last.groups() if group)
        return Extraction(letter.upper(), AnswerSource.ANSWER_IS, len(text) - len(tail) + last.start())
    return Extraction(first if read_pick(first).letters else tail, AnswerSource.WHOLE, 0)


def _last_named(text: str) -> re.Match[str] | None:
    """The last option that is named as the answer, and not to be turned down; else a letter alone in its line."""
    for patterns in ((_NAMED, _GOES_WITH, _LAST), (_LONE,)):
        named = [found for pattern in patterns for found in pattern.finditer(text) if not _is_denied(text, found)]
        if named:
            return max(named, key=lambda found: found.end())
    return None


def _is_denied(text: str, found: re.Match[str]) -> bool:
    return _DENIED.match(text, found.end()) is not None


def read_pick(text: str) -> Pick:
    """The letters and words of an answer such as `(D) Alina`, `B`, `A and C`, `option b`, `Paris`."""
    whole = text
    text = " ".join(_COMMAND.sub(" ", text).split()).strip(" .?!")
    lead = _LEAD.match(text)
    text = text[lead.end() :] if lead else text
    if _SEVERAL.fullmatch(text) or (len(text) > 1 and _RUN_OF_LETTERS.fullmatch(text)):
        return Pick(frozenset(_ONE.findall(text) or text))
    found = _LEADING.match(text)
    if found is None or not _is_a_letter(found, text):
        return Pick(frozenset(), text, whole)
    return Pick(frozenset(found["letter"].upper()), text[found.end() :].strip(" .:-–—"))


def _is_a_letter(found: re.Match[str], text: str) -> bool:
    """Whether what stands in front is a letter of an option and no article or pronoun of a sentence."""
    rest = text[found.end() :]
    if not rest or not found["mark"].isspace():
        return found["letter"].isupper() or not rest or found.group().strip()[0] in "(["
    enclosed = found.group().strip()[-1] in ")]"
    if _EXPLAINED.match(rest):
        return found["letter"].isupper()
    return enclosed or (found["letter"].isupper() and found["letter"] not in "AI")


def compare_choices(gold: str, given: str, choices: Sequence[str]) -> Finding:
    """Whether two picks are the same option; `choices` are the options in order, the first is A."""
    wanted, picked = _complete(read_pick(gold), choices), _complete(read_pick(given), choices)
    if wanted.letters and picked.letters:
        same = wanted.letters == picked.letters
        contradicts = same and _names_other_option(picked, choices)
        reason = f"it picks {_name(picked)}" + (", with the text of another option" if contradicts else "")
        return Finding(Truth.SAME if same and not contradicts else Truth.DIFFERENT, "choice", reason)
    if wanted.words and picked.words:
        same = same_words(wanted.words, picked.words)
        return Finding(Truth.SAME if same else Truth.DIFFERENT, "choice", "by the option's text")
    return Finding(
        Truth.REFUSED, "choice", "one names a letter and the other one a text, and the options are not given"
    )


def _complete(pick: Pick, choices: Sequence[str]) -> Pick:
    """A text that is one of the options gets that option's letter."""
    if pick.letters or not pick.words:
        return pick
    matches = [index for index, option in enumerate(choices) if same_words(read_option(option), pick.words)]
    if not matches:
        given = prepare(pick.text)
        matches = [index for index, option in enumerate(choices) if _is_same_value(prepare(read_option(option)), given)]
    return Pick(frozenset(_LETTERS[matches[0]]), pick.words) if len(matches) == 1 and matches[0] < 10 else pick


def _is_same_value(option: str, given: str) -> bool:
    return compare_mathematics(option, given, DEFAULT_POLICY).truth is Truth.SAME


def _names_other_option(pick: Pick, choices: Sequence[str]) -> bool:
    words = normal_words(pick.words)
    letters = {
        _LETTERS[index] for index, option in enumerate(choices[:10]) if normal_words(read_option(option)) == words
    }
    return bool(words and letters) and not letters & pick.letters


def listed_options(text: str) -> tuple[str, ...]:
    """The options that a text lists, `A) 3` and on from there; none where there are not two in a row."""
    options: list[str] = []
    for letter, option in _labelled_texts(text):
        if letter == _LETTERS[0]:
            options = [option]
        elif options and len(options) < len(_LETTERS) and letter == _LETTERS[len(options)]:
            options.append(option)
    return tuple(options) if len(options) > 1 else ()


def _labelled_texts(text: str) -> Iterator[tuple[str, str]]:
    """What stands behind the letters of options: one a line, or several, `(A) 3 (B) 4`."""
    for line in text.splitlines():
        inline = list(_LISTED_INLINE.finditer(line))
        found = _LISTED.match(line)
        if len(inline) > 1:
            yield from ((option["letter"], option["option"].strip(" \t*_")) for option in inline)
        elif found is not None and 0 < len(option := line[found.end() :].strip(" \t*_")) <= _MAX_OPTION_CHARS:
            yield found["letter"], option


def read_option(option: str) -> str:
    """An option's text without the letter before it."""
    found = re.match(r"\s*[(\[]?[A-J][)\].:]\s+", option)
    return option[found.end() :] if found else option


def _name(pick: Pick) -> str:
    return ", ".join(sorted(pick.letters))
