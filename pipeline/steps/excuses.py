"""Why an equation that is false as it stands may still be no error of its author.

Each excuse turns a failure into `unchecked` (or `holds`, where only the shown digits differ) with the reason named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tracewright.pipeline.steps.chains import Comparison, Side
from tracewright.pipeline.steps.comparison import MAX_SHOWN_DECIMALS, are_same, is_rounding
from tracewright.pipeline.steps.reading import Annotation
from tracewright.pipeline.steps.trees import Literal, Operation, Tree, find_numbers
from tracewright.pipeline.steps.values import Number
from tracewright.schemas import CheckOutcome

_DIFFERENCE_CHARACTERS = 60
_DIFFERENCE_WORDS = re.compile(
    r"\b(?:less|fewer|lower|loss|lost|decrease[ds]?|short|under|below|colder|owed?s?|debt|discount|behind|off|deficit|"
    r"drop(?:ped|s)?|cheaper|younger|shorter|lighter|negative|more|change)\b"
)
MAX_DENIAL_CHARACTERS = 100
_DENIES = re.compile(
    r"contradict|impossib|absurd|not possible|can(?:not|'t| never) |never (?:true|holds|happens|occurs|be)|"
    r"no solution|inconsistent|extraneous|"
    r"(?:is|are) (?:clearly |obviously )?(?:false|not (?:true|equal|valid))|"
    r"(?:does|do)(?:n't| not) (?:work|hold|satisfy|equal|match)|\\bot\b|^[\s$)\\]*\?",
    re.IGNORECASE,
)
_ORDERINGS = {"<", ">", "<=", ">="}


class Place(NamedTuple):
    """Where a failed claim stands: in `text`, its sides counted from `offset`."""

    text: str
    offset: int
    left: Side
    right: Side
    next_side: Side | None
    """The side after the right one in its chain."""
    relation_before: str
    """The relation before the left side; empty where the left side is the first."""
    following: str = ""
    """How the next step begins."""
    is_formula: bool = False
    """Whether the step holds LaTeX, where `<` is no arrow and no quote."""


def excuse(comparison: Comparison, place: Place, annotations: Sequence[Annotation]) -> Comparison:
    """The comparison, or a milder one where there is an excuse for its failure."""
    if comparison.outcome is not CheckOutcome.FAILS or comparison.left is None or comparison.right is None:
        return comparison
    if _is_difference(comparison.left, comparison.right, place):
        return _doubt(comparison, "a difference without its sign")
    if _runs_on(comparison.left, place):
        return _doubt(comparison, "the next calculation goes on behind the result")
    if _names_a_rate(comparison.left, place):
        return _doubt(comparison, "the result stands in a rate")
    if _is_range(place):
        return _doubt(comparison, "the left side may be a range")
    if place.relation_before in _ORDERINGS and not place.is_formula:
        return _doubt(comparison, "an equation in a chain of inequalities")
    if is_denied(place):
        return _doubt(comparison, "the author says that it does not hold")
    for annotation in annotations:
        if _is_shown_by(annotation, place):
            return _compare_with_annotation(comparison, place, annotation)
    return comparison


def _doubt(comparison: Comparison, note: str) -> Comparison:
    return comparison._replace(outcome=CheckOutcome.UNCHECKED, note=note)


def is_denied(place: Place) -> bool:
    """`so 6 = 3, a contradiction`: also where the next step begins with these words."""
    end = place.offset + place.right.end
    behind = (place.text[end : end + MAX_DENIAL_CHARACTERS] + place.following)[:MAX_DENIAL_CHARACTERS]
    return _DENIES.search(behind) is not None


def _is_difference(left: Number, right: Number, place: Place) -> bool:
    """`5 - 8 = 3 less`."""
    end = place.offset + place.right.end
    return left == -right and _DIFFERENCE_WORDS.search(place.text, end, end + _DIFFERENCE_CHARACTERS) is not None


def _runs_on(left: Number, place: Place) -> bool:
    """`20 - 4 - 8 = 8 * 1/4 = 2`: the right side begins with the result, and no other result stands behind it."""
    tree = place.right.trees[0]
    is_told = place.left.has_unit or place.left.has_lead_in or place.right.has_unit
    if not (is_told and isinstance(tree, Operation) and _leftmost(tree) == left):
        return False
    return place.next_side is None or are_same(place.right, place.next_side)


def _names_a_rate(left: Number, place: Place) -> bool:
    """`16 / 4 = 4 miles / 4 minutes`: the slash reads as "in"."""
    tree = place.right.trees[0]
    is_division = isinstance(tree, Operation) and tree.operator == "/"
    return is_division and place.right.has_unit and _leftmost(tree) == left


def _is_range(place: Place) -> bool:
    """`weeks 1-2 = …`."""
    tree = place.left.trees[0]
    if not (place.left.has_lead_in and isinstance(tree, Operation) and tree.operator == "-"):
        return False
    first, last = tree.arguments
    written = place.text[place.offset + place.left.start : place.offset + place.left.end]
    return isinstance(first, Literal) and isinstance(last, Literal) and first.value < last.value and " " not in written


def _leftmost(tree: Tree) -> Number | None:
    while isinstance(tree, Operation) and tree.arguments and tree.operator not in ("negate", "^"):
        tree = tree.arguments[0]
    return tree.value if isinstance(tree, Literal) else None


def _is_shown_by(annotation: Annotation, place: Place) -> bool:
    """Whether the right side is the number right behind the annotation."""
    start = place.offset + place.right.start
    return annotation.start - 2 <= start <= annotation.end + 2 and place.offset + place.right.end > annotation.end


def _compare_with_annotation(comparison: Comparison, place: Place, annotation: Annotation) -> Comparison:
    """What the annotation computes excuses the text around it: a cut decimal, or another expression altogether."""
    chain = annotation.chain
    if chain is None or len(chain.sides) != 2 or comparison.left is None or comparison.right is None:
        return comparison
    computed, result = chain.sides
    if computed is None or result is None:
        return comparison
    exact = are_same(computed, result)
    if not exact:
        return comparison
    value = _literal_value(result)
    if value is None or not is_rounding(value, comparison.right, place.right.decimals or 0):
        return comparison
    if is_rounding(comparison.left, value, MAX_SHOWN_DECIMALS):
        return comparison._replace(outcome=CheckOutcome.HOLDS)
    written, annotated = _count_operands(place.left), _count_operands(computed)
    if written - annotated and annotated - written:
        return _doubt(comparison, "the annotation computes something else")
    return comparison


def _literal_value(side: Side) -> Number | None:
    values = find_numbers(side.trees[0])
    return values[0] if side.decimals is not None and len(values) == 1 else None


def _count_operands(side: Side) -> set[Number]:
    return set(find_numbers(side.trees[0]))
