"""The tree and the value of plain arithmetic at once, by Dijkstra's two stacks: numbers, `+ − × /` and brackets.

What is not plain (a name, a unit, two divisions in a row, numbers side by side) is left to the grammar. Nearly all
lines of worked arithmetic go through here, so that integers are added in place and not through `values`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tracewright.pipeline.steps import values
from tracewright.pipeline.steps.lexer import read_number
from tracewright.pipeline.steps.trees import Literal, Operation, Tree
from tracewright.pipeline.steps.values import Number, UndefinedValueError

MAX_TOKENS = 60
_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+|[-+*/()x×–−÷]")
_SIGNS = {
    **{sign: sign for sign in "+-*/()"},
    "x": "*", "×": "*", "–": "-", "−": "-", "÷": "/",
}  # fmt: skip
_PRECEDENCE = {"(": 0, "+": 1, "-": 1, "*": 2, "/": 2, "negate": 3}


class PlainReading(NamedTuple):
    """What plain arithmetic says; no value where it divides by zero."""

    tree: Tree
    value: Number | None
    numbers: frozenset[Number]
    """The numbers in it."""


def read_plain(text: str) -> PlainReading | None:
    """Read plain arithmetic; None for what the grammar has to read, and for results beyond the limits."""
    tokens: list[str] = [text] if text.isdecimal() else _TOKEN.findall(text)
    if len(tokens) == 1:
        read = read_number(tokens[0]) if tokens[0][-1].isdecimal() else None
        return None if read is None else PlainReading(Literal(*read), read[0], frozenset((read[0],)))
    if len(tokens) == 3 and tokens[0] not in _SIGNS and tokens[1] in "+-*/x×–−":
        return _read_pair(*tokens)
    if len(tokens) > MAX_TOKENS or tokens.count("/") > 1 or "÷" in tokens:
        return None
    try:
        return _read_tokens(tokens)
    except UndefinedValueError:
        return None


def _read_pair(first: str, operator: str, second: str) -> PlainReading | None:
    """Two numbers with a sign between them: four in five expressions of prose, read without a stack."""
    left = read_number(first)
    right = read_number(second) if second not in _SIGNS else None
    if left is None or right is None:
        return None
    sign = _SIGNS[operator]
    try:
        value = _combine(sign, left[0], right[0])
    except UndefinedValueError:
        return None
    return PlainReading(Operation(sign, (Literal(*left), Literal(*right))), value, frozenset((left[0], right[0])))


def _read_tokens(tokens: list[str]) -> PlainReading | None:
    stack = _Stack()
    numbers: list[Number] = []
    expects_operand = True
    for token in tokens:
        sign = _SIGNS.get(token)
        if sign is None:
            read = read_number(token) if expects_operand else None
            if read is None:
                return None
            numbers.append(read[0])
            stack.trees.append(Literal(*read))
            stack.values.append(read[0])
            expects_operand = False
        elif sign == "(":
            if not expects_operand:
                return None
            stack.operators.append(sign)
        elif sign == ")":
            if expects_operand or not stack.close():
                return None
        else:
            if expects_operand and sign != "-":
                return None
            stack.push("negate" if expects_operand else sign)
            expects_operand = True
    if expects_operand or "(" in stack.operators:
        return None
    stack.reduce(0)
    return PlainReading(stack.trees[0], stack.values[0], frozenset(numbers))


class _Stack:
    """Operands with their values, and the operators that wait for their right side."""

    __slots__ = ("operators", "trees", "values")

    def __init__(self) -> None:
        self.operators: list[str] = []
        self.trees: list[Tree] = []
        self.values: list[Number | None] = []

    def push(self, operator: str) -> None:
        if operator != "negate" and self.operators:
            self.reduce(_PRECEDENCE[operator])
        self.operators.append(operator)

    def close(self) -> bool:
        """Work out the innermost bracket; False where none is open."""
        if "(" not in self.operators:
            return False
        self.reduce(1)
        self.operators.pop()
        return True

    def reduce(self, rank: int) -> None:
        """Work out all operators on top that bind at least so tightly."""
        operators = self.operators
        while operators and _PRECEDENCE[operators[-1]] >= rank:
            self._apply(operators.pop())

    def _apply(self, operator: str) -> None:
        right, value = self.trees.pop(), self.values.pop()
        if operator == "negate":
            self.trees.append(Operation(operator, (right,)))
            self.values.append(None if value is None else -value)
            return
        self.trees[-1] = Operation(operator, (self.trees[-1], right))
        left = self.values[-1]
        self.values[-1] = None if left is None or value is None else _combine(operator, left, value)


def _combine(operator: str, left: Number, right: Number) -> Number | None:
    """The value of one operation; None for a division by zero."""
    if operator == "*":
        return values.multiply(left, right)
    if operator == "/":
        return values.divide(left, right) if right else None
    if type(left) is int and type(right) is int:
        # No sum of MAX_TOKENS bounded integers is too long.
        return left + right if operator == "+" else left - right
    return values.add(left, right) if operator == "+" else values.subtract(left, right)
