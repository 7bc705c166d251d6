"""Names that stand for parts of a question's expression: `written as "A − B", where A = (3 + 4) and B = …`.

A definition that is written out again must be the same expression; the parts, put together, must come to what the
question asks for.
"""

from __future__ import annotations

import re
from collections import Counter

from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.claims import Claim, quote
from tracewright.pipeline.steps.evaluation import evaluate
from tracewright.pipeline.steps.lexer import tokenize
from tracewright.pipeline.steps.memory import Memory
from tracewright.pipeline.steps.statements import read_expressions
from tracewright.pipeline.steps.trees import Tree, find_numbers
from tracewright.pipeline.steps.values import Number, UndefinedValueError, format_number
from tracewright.schemas import CheckOutcome

_TEMPLATE = re.compile(
    r"\b(?:re)?(?:written|write|expressed|represented)\s+(?:it\s+)?as\s*:?\s*[\"“']?([^\"”'\n,;]{3,200})"
)
_COMMON_SHARE = 0.6
"""Two expressions with fewer numbers in common are two definitions, not one that was copied wrong."""


def check_template(memory: Memory, text: str) -> Claim | None:
    """The claim that the names of a step, put together as it says, are the question's expression."""
    expression = memory.question.expression
    if expression is None:
        return None
    match = _TEMPLATE.search(text) if " as" in text else None
    if match is None:
        return None
    sides = read_expressions(tokenize(match[1]))
    if len(sides) != 1 or not sides[0].names or not sides[0].names <= memory.names.keys():
        return None
    side = sides[0]
    try:
        asked, built = evaluate(expression.trees[0], {}), evaluate(side.trees[0], memory.names)
    except UndefinedValueError:
        return None
    start, end = match.start(1) + side.start, match.start(1) + side.end
    if asked == built:
        return Claim(text[start:end], start, end, CheckOutcome.HOLDS, "holds")
    if not (side.is_clean and _has_all_numbers(memory, expression)):
        return None
    reason = (
        f"{quote(text[start:end])} with its definitions is {format_number(built)}, "
        f"the question's expression is {format_number(asked)}"
    )
    return Claim(text[start:end], start, end, CheckOutcome.FAILS, reason)


def is_miscopied(memory: Memory, name: str, side: Side) -> bool:
    """Whether the name was defined by an expression of which this one is a wrong copy."""
    defined = memory.definitions.get(name)
    if defined is None or side.names or side.decimals is not None or not side.is_clean:
        return False
    try:
        if evaluate(defined, {}) == evaluate(side.trees[0], {}):
            return False
    except UndefinedValueError:
        return False
    before, now = _count_numbers(defined), _count_numbers(side.trees[0])
    common = sum((before & now).values())
    return common >= _COMMON_SHARE * max(sum(before.values()), sum(now.values()))


def _has_all_numbers(memory: Memory, expression: Side) -> bool:
    """Whether the definitions use the numbers of the question: else they are about something else."""
    asked = _count_numbers(expression.trees[0])
    used: Counter[Number] = Counter()
    for tree in memory.definitions.values():
        used += _count_numbers(tree)
    return sum((asked & used).values()) >= _COMMON_SHARE * sum(asked.values())


def _count_numbers(tree: Tree) -> Counter[Number]:
    return Counter(map(abs, find_numbers(tree)))
