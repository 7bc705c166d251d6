"""Step-by-step arithmetic: the problems and worked solutions that the embedded teacher learns and is asked.

A problem is an expression over +, − and × with 1 to 5 operators. Its worked solution reduces the leftmost operation
whose operands are both numbers, one reduction a line, and works each of them digit by digit, so that a model of a
million parameters can learn it and every claim on a line is an equation that can be checked::

    (47+38)*3-20
    7+5=...                      column by column, right to left, carries written out
    7+8=15; 4+3+1=8; 47+38=85; = 85*3-20
    5*3=15; 8*3=24; 24+1=25; 85*3=255; = 255-20
    5-0=5; 5-2=3; 255-20=235
    #### 235

`= 85*3-20` continues the chain that the question began: it is equal to what stood before it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAX_ABSOLUTE_VALUE = 999
"""No intermediate value is larger: three digits are enough to need carries and few enough to be learnt."""
MAX_OPERAND = 99
MAX_OPERATORS = 5
SINGLE_DIGIT_OPERAND_SHARE = 0.5
_MAX_DRAWS = 10_000

Operator = Literal["+", "-", "*"]
OPERATORS: tuple[Operator, ...] = ("+", "-", "*")
_PRECEDENCE: dict[Operator, int] = {"+": 1, "-": 1, "*": 2}


@dataclass(frozen=True)
class Node:
    """One operation of an expression; a number is an operand."""

    operator: Operator
    left: Expression
    right: Expression


Expression = int | Node


def evaluate(expression: Expression) -> int:
    """The expression's value."""
    if isinstance(expression, int):
        return expression
    return _apply(expression.operator, evaluate(expression.left), evaluate(expression.right))


def count_operators(expression: Expression) -> int:
    """How many operations the expression has: the problem's level."""
    if isinstance(expression, int):
        return 0
    return 1 + count_operators(expression.left) + count_operators(expression.right)


def format_expression(expression: Expression) -> str:
    """The expression as text with no more parentheses than it needs; a negative number has some unless it leads."""
    return _format(expression, leads=True)


def draw_expression(rng: random.Random, operators: int) -> Expression:
    """A random expression with so many operators, in which one factor of every product has a single digit.

    Raises:
        ValueError: `operators` is not between 1 and 5.
    """
    if not 1 <= operators <= MAX_OPERATORS:
        raise ValueError(f"an arithmetic problem has 1 to {MAX_OPERATORS} operators, not {operators}")
    for _ in range(_MAX_DRAWS):
        expression = _draw_tree(rng, operators)
        if is_within_limits(expression):
            return expression
    raise RuntimeError(f"no expression with {operators} operators within the limits in {_MAX_DRAWS} draws")


def work_solution(expression: Expression) -> str:
    """The worked solution, ending in `#### ANSWER` without a final newline."""
    return "\n".join([*_reduction_lines(expression), f"#### {evaluate(expression)}"])


def _reduction_lines(expression: Expression) -> Iterator[str]:
    while isinstance(expression, Node):
        redex = _leftmost_redex(expression)
        claims = _work_reduction(redex)
        expression = _replace(expression, redex, evaluate(redex))
        line = "; ".join(claims)
        yield f"{line}; = {format_expression(expression)}" if isinstance(expression, Node) else line


def _apply(operator: Operator, left: int, right: int) -> int:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    return left * right


def _format(expression: Expression, leads: bool) -> str:
    if isinstance(expression, int):
        return str(expression) if expression >= 0 or leads else f"({expression})"
    precedence = _PRECEDENCE[expression.operator]
    left = _format_operand(expression.left, wrap=_binds_weaker(expression.left, precedence), leads=leads)
    # An operation of the same rank on the right needs parentheses after − and keeps them after + and ×: the
    # parentheses are then the order of work.
    right = _format_operand(expression.right, wrap=_binds_weaker(expression.right, precedence + 1), leads=False)
    return f"{left}{expression.operator}{right}"


def _format_operand(expression: Expression, wrap: bool, leads: bool) -> str:
    return f"({_format(expression, leads=True)})" if wrap else _format(expression, leads=leads)


def _binds_weaker(expression: Expression, precedence: int) -> bool:
    return isinstance(expression, Node) and _PRECEDENCE[expression.operator] < precedence


def _draw_tree(rng: random.Random, operators: int) -> Expression:
    if operators == 0:
        return rng.randint(1, 9) if rng.random() < SINGLE_DIGIT_OPERAND_SHARE else rng.randint(10, MAX_OPERAND)
    left = rng.randrange(operators)
    return Node(rng.choice(OPERATORS), _draw_tree(rng, left), _draw_tree(rng, operators - 1 - left))


def is_within_limits(expression: Expression) -> bool:
    """Whether no value on the way is too large, and one factor of every product has a single digit."""
    if isinstance(expression, int):
        return True
    if not (is_within_limits(expression.left) and is_within_limits(expression.right)):
        return False
    left, right = evaluate(expression.left), evaluate(expression.right)
    if expression.operator == "*" and min(abs(left), abs(right)) > 9:
        return False
    return abs(_apply(expression.operator, left, right)) <= MAX_ABSOLUTE_VALUE


def _leftmost_redex(node: Node) -> Node:
    for side in (node.left, node.right):
        if isinstance(side, Node):
            return _leftmost_redex(side)
    return node


def _replace(expression: Expression, redex: Node, value: int) -> Expression:
    """The expression with this very node (not an equal one) replaced."""
    if expression is redex:
        return value
    if isinstance(expression, int):
        return expression
    return Node(expression.operator, _replace(expression.left, redex, value), _replace(expression.right, redex, value))


def _work_reduction(redex: Node) -> list[str]:
    """The equations of one reduction: columns, then the magnitudes where signs are involved, then the claim itself."""
    left, right = evaluate(redex.left), evaluate(redex.right)
    claim = f"{format_expression(redex)}={evaluate(redex)}"
    x, y = abs(left), abs(right)
    if redex.operator == "*":
        columns, magnitude = _multiply_columns(max(x, y), min(x, y)), f"{x}*{y}={x * y}"
    elif (left < 0) == ((right < 0) != (redex.operator == "-")):
        columns, magnitude = _add_columns(x, y), f"{x}+{y}={x + y}"
    else:
        x, y = max(x, y), min(x, y)
        columns, magnitude = _subtract_columns(x, y), f"{x}-{y}={x - y}"
    return list(dict.fromkeys([*columns, magnitude, claim]))


def _digits(number: int) -> list[int]:
    return [int(digit) for digit in reversed(str(number))]


def _add_columns(x: int, y: int) -> list[str]:
    if x < 10 and y < 10:
        return []
    columns: list[str] = []
    longer, shorter, carry = _digits(max(x, y)), _digits(min(x, y)), 0
    for place, digit in enumerate(longer):
        terms = [digit, *shorter[place : place + 1], *([1] if carry else [])]
        total = sum(terms)
        if len(terms) > 1:
            columns.append(f"{'+'.join(map(str, terms))}={total}")
        carry = total // 10
    return columns


def _subtract_columns(x: int, y: int) -> list[str]:
    if x < 10:
        return []
    columns: list[str] = []
    longer, shorter, borrow = _digits(x), _digits(y), 0
    for place, digit in enumerate(longer):
        taken = [*shorter[place : place + 1], *([1] if borrow else [])]
        borrow = digit < sum(taken)
        top = digit + 10 * borrow
        if taken:
            columns.append(f"{'-'.join(map(str, [top, *taken]))}={top - sum(taken)}")
    return columns


def _multiply_columns(number: int, digit: int) -> list[str]:
    if number < 10:
        return []
    columns: list[str] = []
    carry = 0
    for place in _digits(number):
        product = place * digit
        columns.append(f"{place}*{digit}={product}")
        if carry:
            columns.append(f"{product}+{carry}={product + carry}")
        carry = (product + carry) // 10
    return columns
