"""From a case to a decision, as far as this process goes without a worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.comparison.choice import compare_choices, extract_choice, listed_options
from tracewright.pipeline.verify.comparison.mathematics import compare_mathematics, prepare
from tracewright.pipeline.verify.comparison.short_text import compare_texts, extract_text
from tracewright.pipeline.verify.evaluation.values import Finding, Truth
from tracewright.pipeline.verify.extraction.extract import Extraction, extract_mathematics
from tracewright.pipeline.verify.extraction.programs import extract_program
from tracewright.pipeline.verify.extraction.thinking import strip_thinking
from tracewright.pipeline.verify.limits import MAX_ANSWER_CHARS, MAX_COMPLETION_CHARS
from tracewright.schemas.problem import AnswerKind
from tracewright.schemas.verdict import Outcome

_MAX_SHOWN_CHARS = 80
_REMEMBERED_ANSWERS = 4
"""A trace's answer is asked for twice, to be stored and to be judged, and finding it takes most of judging."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome, what decided it, and why."""

    outcome: Outcome
    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A gold and a given answer, extracted and cleaned, and what is known about them."""

    gold: str
    given: str
    finding: Finding

    @property
    def needs_worker(self) -> bool:
        """Whether algebra may still decide."""
        return self.finding.truth is Truth.UNKNOWN


def extract_answer(text: str, kind: AnswerKind | str = AnswerKind.MATH) -> Extraction | None:
    """The answer that a completion gives, and what marked it; None where it gives none.

    Thinking is not looked at, and a completion whose thinking never ends gives no answer.
    """
    return _recall_answer(text[-MAX_COMPLETION_CHARS:], AnswerKind(kind))


def _find_answer(text: str, kind: AnswerKind) -> Extraction | None:
    shown = strip_thinking(text)
    found = None if shown is None else _extract(shown, kind)
    return found if found is not None and found.text.strip() else None


_recall_answer = lru_cache(maxsize=_REMEMBERED_ANSWERS)(_find_answer)


def _extract(shown: str, kind: AnswerKind) -> Extraction | None:
    match kind:
        case AnswerKind.CHOICE:
            return extract_choice(shown)
        case AnswerKind.TEXT:
            return extract_text(shown)
        case AnswerKind.CODE:
            return extract_program(shown)
        case _:
            return extract_mathematics(shown)


def refuse(case: AnswerCase) -> Decision | None:
    """Why a completion is not looked at; None where it is."""
    if case.truncated:
        return Decision(Outcome.UNVERIFIABLE, "extraction", "the completion was cut by the token limit")
    if len(case.prediction) > MAX_COMPLETION_CHARS:
        limit = f"the completion has {len(case.prediction)} characters, at most {MAX_COMPLETION_CHARS} are read"
        return Decision(Outcome.ERROR, "limit", limit)
    if strip_thinking(case.prediction) is None:
        return Decision(Outcome.UNVERIFIABLE, "extraction", "the completion ends before its thinking does")
    return None


def compare(gold: str, case: AnswerCase) -> Comparison | Decision:
    """What is known about the completion's answer and one gold answer, found in this process."""
    wanted, given = extract_answer(gold, case.kind), extract_answer(case.prediction, case.kind)
    if wanted is None:
        return Decision(Outcome.UNVERIFIABLE, "extraction", "there is no gold answer to compare with")
    if given is None:
        return Decision(Outcome.UNVERIFIABLE, "extraction", "the completion gives no answer")
    if max(len(wanted.text), len(given.text)) > MAX_ANSWER_CHARS:
        same = wanted.text == given.text
        limit = Finding(
            Truth.SAME if same else Truth.REFUSED, "exact", f"an answer has over {MAX_ANSWER_CHARS} characters"
        )
        return Comparison(wanted.text, given.text, limit)
    match case.kind:
        case AnswerKind.CHOICE:
            choices = case.choices or listed_options(strip_thinking(case.prediction) or "")
            finding = compare_choices(wanted.text, given.text, choices)
        case AnswerKind.TEXT:
            finding = compare_texts(wanted.text, given.text, case.policy)
        case _:
            left, right = prepare(wanted.text), prepare(given.text)
            return Comparison(left, right, compare_mathematics(left, right, case.policy))
    return Comparison(wanted.text, given.text, finding)


def decide(comparison: Comparison) -> Decision:
    """The decision that a finding leads to."""
    finding = comparison.finding
    gold, given = _shorten(comparison.gold), _shorten(comparison.given)
    why = f": {finding.reason}" if finding.reason else ""
    match finding.truth:
        case Truth.SAME:
            return Decision(Outcome.CORRECT, finding.method, f"{given} is the gold answer {gold}{why}")
        case Truth.DIFFERENT:
            return Decision(Outcome.INCORRECT, finding.method, f"{given} is not the gold answer {gold}{why}")
        case _:
            return Decision(
                Outcome.UNVERIFIABLE, finding.method, f"{given} could not be compared with the gold answer {gold}{why}"
            )


def _shorten(text: str) -> str:
    # A verdict is stored as UTF-8, which has no lone surrogates.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…"
