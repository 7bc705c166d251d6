"""Calculator annotations, `48/2 = <<48/2=24>>24`: what they compute, and the number that is shown behind them."""

from __future__ import annotations

from tracewright.pipeline.steps.chains import Comparison, Side
from tracewright.pipeline.steps.claims import Claim, make_claim
from tracewright.pipeline.steps.comparison import compare, is_rounding
from tracewright.pipeline.steps.evaluation import evaluate
from tracewright.pipeline.steps.excuses import Place, excuse
from tracewright.pipeline.steps.memory import Memory
from tracewright.pipeline.steps.reading import Annotation
from tracewright.pipeline.steps.trees import Literal
from tracewright.pipeline.steps.values import Number, UndefinedValueError, as_fraction
from tracewright.schemas import CheckOutcome

_OPENER_CHARACTERS = 2
"""Of `<<`: what is read from an annotation begins behind it."""
_SCALES = (100, 1000, 10**6, 60, 12)


def check_annotation(memory: Memory, text: str, annotation: Annotation) -> tuple[list[Claim], Number | None]:
    """The claims of an annotation, and what it comes to."""
    chain = annotation.chain
    if chain is None or chain.sides[-1] is None:
        return [], None
    claims: list[Claim] = []
    result: Number | None = None
    for place, relation in enumerate(chain.relations):
        left, right = chain.sides[place], chain.sides[place + 1]
        if left is None or right is None:
            continue
        texts = _cut(text, annotation, left), relation, _cut(text, annotation, right)
        comparison = chain.comparisons[place]
        if comparison is None or comparison.outcome is not CheckOutcome.HOLDS:
            comparison = compare(left, relation, right, memory.names, is_computed=True)
        claims.append(make_claim(text, annotation.start, annotation.end, texts, comparison))
        result = comparison.right if comparison.right is not None else _evaluate(memory, right)
    shown = _check_shown(text, annotation, chain.comparisons[-1], chain.sides[-1])
    return [*claims, shown] if shown is not None else claims, result


def _check_shown(text: str, annotation: Annotation, last: Comparison | None, result: Side) -> Claim | None:
    """The number right behind an annotation is its result."""
    shown = annotation.shown
    if shown is None:
        return None
    end = annotation.end + shown.end - _OPENER_CHARACTERS
    tree = shown.trees[0]
    subject = _cut(text, annotation, result)
    if last is not None and isinstance(tree, Literal) and tree.value == last.right:
        return Claim(text[annotation.start : end], annotation.start, end, CheckOutcome.HOLDS, "holds", subject)
    place = Place(text, annotation.end - _OPENER_CHARACTERS, result, shown, None, "")
    comparison = excuse(_compare_shown(result, shown), place, ())
    texts = subject, "=", text[annotation.end : end]
    return make_claim(text, annotation.start, end, texts, comparison)


def _compare_shown(result: Side, shown: Side) -> Comparison:
    """Compare an annotation's result with the number behind it: two numbers, so any difference counts."""
    comparison = compare(result, "=", shown, {})
    if comparison.outcome is not CheckOutcome.UNCHECKED or comparison.left is None or comparison.right is None:
        return comparison
    if not shown.is_clean or _is_scaled(comparison.left, comparison.right):
        return comparison
    return Comparison(CheckOutcome.FAILS, comparison.left, comparison.right)


def _is_scaled(left: Number, right: Number) -> bool:
    first, second = as_fraction(left), as_fraction(right)
    return any(is_rounding(first * scale, second, -1) or is_rounding(second * scale, first, -1) for scale in _SCALES)


def _cut(text: str, annotation: Annotation, side: Side) -> str:
    offset = annotation.start + _OPENER_CHARACTERS
    return text[offset + side.start : offset + side.end]


def _evaluate(memory: Memory, side: Side) -> Number | None:
    try:
        return evaluate(side.trees[0], memory.names)
    except UndefinedValueError:
        return None
