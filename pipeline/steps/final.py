"""Whether the stated final answer is what the trace arrived at."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tracewright.pipeline.steps.answers import StatedAnswer
from tracewright.pipeline.steps.arithmetic import read_expression
from tracewright.pipeline.steps.claims import Claim, quote
from tracewright.pipeline.steps.comparison import is_rounding
from tracewright.pipeline.steps.evaluation import evaluate
from tracewright.pipeline.steps.memory import QUESTION, Memory
from tracewright.pipeline.steps.number_words import read_number_words
from tracewright.pipeline.steps.values import Number, UndefinedValueError, as_fraction, format_number
from tracewright.schemas import CheckOutcome

_MAX_COMPARED_VALUES = 500


def check_answer(
    memory: Memory, index: int, text: str, answer: StatedAnswer, results: Sequence[Number]
) -> Claim | None:
    """Compare the answer with the chain that was worked, or else with the results so far.

    An answer that no step arrived at and no text mentions fails; where nothing was worked out at all, nothing is said.
    """
    try:
        value = evaluate(answer.side.trees[0], {})
    except UndefinedValueError:
        return None
    expected = _find_worked_values(memory, results)
    if expected and (not memory.is_broken or _matches(value, answer, expected)):
        outcome = CheckOutcome.HOLDS if _matches(value, answer, expected) else CheckOutcome.FAILS
        reason = f"{quote(text[answer.start : answer.end])}: the chain comes to {format_number(expected[0])}"
    else:
        outcome, reason = _compare_with_results(memory, value, answer, results)
    if outcome is CheckOutcome.HOLDS:
        reason = "holds"
    return Claim(text[answer.start : answer.end], answer.start, answer.end, outcome, reason)


def _find_worked_values(memory: Memory, results: Sequence[Number]) -> list[Number]:
    """What the worked chain may end in: its own value, and the result of the equation that finished it.

    Where the question's expression was never carried on, what was worked out before is accepted after a step that
    fails: the author follows that.
    """
    if memory.worked is None:
        return []
    value = memory.worked.value(memory.names)
    if value is None:
        return []
    values = [value]
    if memory.last_equation is not None and memory.last_equation[1] != value:
        side, standing = read_expression(memory.last_equation[0]), memory.worked.read()
        if side is not None and standing is not None and side.trees[0] == standing.trees[0]:
            values.append(memory.last_equation[1])
    is_carried = memory.worked.step != QUESTION
    if not is_carried and (memory.has_failed or not memory.question.is_plain):
        values += results[-1:] if memory.last_result is None else [memory.last_result[0], *results[-1:]]
    return values


def _compare_with_results(
    memory: Memory, value: Number, answer: StatedAnswer, results: Sequence[Number]
) -> tuple[CheckOutcome, str]:
    known = [*results, *memory.producers]
    if not known:
        return CheckOutcome.UNCHECKED, "no result to compare the answer with"
    if _matches(value, answer, known):
        return CheckOutcome.HOLDS, "holds"
    if not answer.is_marked or memory.has_formulas:
        return CheckOutcome.UNCHECKED, "the answer is no result of a step"
    if value in memory.seen or len(memory.seen) > _MAX_COMPARED_VALUES or not answer.side.is_clean:
        return CheckOutcome.UNCHECKED, "the answer is mentioned before, but is no result of a step"
    if value in read_number_words(" ".join(memory.texts)):
        return CheckOutcome.UNCHECKED, "the answer is mentioned before in words"
    if any(_may_be_rescaled(value, other) for other in memory.seen):
        return CheckOutcome.UNCHECKED, "the answer is a result in another unit"
    return CheckOutcome.FAILS, f"the answer {format_number(value)} appears nowhere before"


def _matches(value: Number, answer: StatedAnswer, expected: Sequence[Number]) -> bool:
    decimals = answer.side.decimals or 0
    return any(value == other or is_rounding(other, value, decimals) for other in expected)


def _may_be_rescaled(value: Number, other: Number) -> bool:
    """Percent and share, dollars and cents, the two signs of a debt, a number rounded up."""
    first, second = as_fraction(value), as_fraction(other)
    if first == -second or first in (second * 100, second * 1000, second * 12, second * 60):
        return True
    return (
        second in (first * 100, first * 1000)
        or (abs(first - second) < 1 and second.denominator != 1)
        or (first + second in (1, 100, Fraction(1)) and first > 0 < second)
    )
