"""Equations with names that fail: no value makes them true, or they contradict the one that they are said to follow."""

from __future__ import annotations

import re

from tracewright.pipeline.steps.chains import Comparison
from tracewright.pipeline.steps.contradictions import find_contradiction
from tracewright.pipeline.steps.excuses import Place, is_denied
from tracewright.pipeline.steps.solutions import Condition, find_conflict, read_condition
from tracewright.schemas import CheckOutcome

_SENTENCE_REACH = 100
"""Characters before an equation in which its sentence is looked for."""
_SENTENCE_END = re.compile(r"[.!?]\s")
_CASES = re.compile(r"\b(?:or|either)\b", re.IGNORECASE)
"""Where these stand, two equations may be two cases of one unknown."""
_CASES_REACH = 60
_MODULO = re.compile(r"\bmod(?:ul(?:o|us))?\b|\\[pb]mod|\\equiv|≡", re.IGNORECASE)
"""In a step with these `=` may mean a congruence."""


class Refuter:
    """Goes through the equations with names of one step, in order."""

    def __init__(self, text: str, *, is_formula: bool) -> None:
        self._text = text
        self._is_formula = is_formula
        self._last: tuple[Condition, int, int] | None = None
        """The last equation, where it begins and where its chain ends."""

    def refute(self, comparison: Comparison, place: Place, end: int, *, is_continued: bool) -> Comparison:
        """The comparison, or a failure with its reason; `end` is where the equation's chain ends in the text.

        `is_continued` says that the left side is the right one of another equality. An equation of which the author
        says that it does not hold is let be.
        """
        conflict = self._find_conflict(place, end)
        note = ""
        if comparison.outcome is CheckOutcome.UNCHECKED:
            note = find_contradiction(place.left, place.right, self._sentence_before(place), is_continued=is_continued)
        note = note or conflict
        if not note or is_denied(place) or _MODULO.search(self._text) is not None:
            return comparison
        return Comparison(CheckOutcome.FAILS, note=note)

    def _sentence_before(self, place: Place) -> str:
        start = place.offset + place.left.start
        return _SENTENCE_END.split(self._text[max(0, start - _SENTENCE_REACH) : start])[-1]

    def _find_conflict(self, place: Place, end: int) -> str:
        start = place.offset + place.left.start
        before, condition = self._last, read_condition(place.left, place.right)
        self._last = None if condition is None else (condition, start, end)
        if before is None or condition is None:
            return ""
        first, first_start, first_end = before
        around = self._text[max(0, first_start - _CASES_REACH) : place.offset + place.right.end + _CASES_REACH]
        if _CASES.search(around):
            return ""
        return find_conflict(first, condition, self._text[first_end:start], is_formula=self._is_formula)
