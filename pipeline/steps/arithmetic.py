"""Plain arithmetic, read without the tokens and grammar that prose and LaTeX need: the same trees, ten times faster.

Whatever is not plain (a name, a unit, two divisions in a row, numbers side by side) is left to the grammar.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tracewright.pipeline.steps import values
from tracewright.pipeline.steps.chains import Chain, Comparison, Side, make_plain_side
from tracewright.pipeline.steps.comparison import settle
from tracewright.pipeline.steps.lexer import read_number
from tracewright.pipeline.steps.trees import Literal, Operation, Tree
from tracewright.pipeline.steps.values import Number
from tracewright.schemas import CheckOutcome

MAX_TOKENS = 60
_EQUATION = re.compile(r"[\d+\-*/(). ]*(?:=[\d+\-*/(). ]+)+")
_EXPRESSION = re.compile(r"[\d+\-*/(). ]+")
_BULLETS = ("- ", "* ", "+ ")
_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+|[-+*/()x×–−÷]")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "negate": 3}
_SIGNS = {"x": "*", "×": "*", "–": "-", "−": "-", "÷": "/"}
_NUMBER = r"[$€£]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?!,\d))(?:\.\d+)?(?![\d.]*\d)"
_UNIT = r"(?:[ ]?[A-Za-z]{2,}(?![A-Za-z’'])(?:/[ ]?[A-Za-z]{2,}(?![A-Za-z]))?){0,4}"
_SENTENCE = re.compile(
    rf"(?:[^=<>≈~≤≥≠]*[^\W\d_]{{2}}[,:]?[ ](?<!times )(?<!plus )(?<!minus )(?<!by )(?<!over )(?<!than ))?"
    rf"(?P<left>{_NUMBER}(?:{_UNIT}[ ]*[-–−+*/x×][ ]*{_NUMBER})+){_UNIT}[ ]*=[ ]*(?P<right>(?:[$€£][ ]*)?-?{_NUMBER})"
    rf"(?=[.;:,]?(?:\s|$))(?![ ]*[-–−+*/x×÷^(%])[^=<>≈~≤≥≠%]*$"
)
_WORDS = re.compile(r"[A-Za-z]{2,}(?:/[ ]?[A-Za-z]{2,})?|/[ ]?[A-Za-z]{2,}|[$€£]")


_BINARY = re.compile(r"[ ]*(\d{1,12})([-+*])(\d{1,12})=(\d{1,12})[ ]*")
_NOTHING: frozenset[str] = frozenset()


def read_binary(text: str) -> tuple[Chain, frozenset[Number], frozenset[Number]] | None:
    """The chain of `7+8=15` with the numbers it uses and mentions: what nearly all column work consists of."""
    match = _BINARY.fullmatch(text)
    if match is None:
        return None
    operator = match[2]
    left, right, claimed = int(match[1]), int(match[3]), int(match[4])
    value = left + right if operator == "+" else left - right if operator == "-" else left * right
    if value != claimed or (max(map(len, match.group(1, 3, 4))) > 3 and "0" in (match[1][0], match[3][0], match[4][0])):
        return None
    start, middle = match.start(1), match.end(3)
    tree = Operation(operator, (Literal(left, -1), Literal(right, -1)))
    sides = (
        Side(start, middle, (tree,), True, _NOTHING, None, False, False, False, _NOTHING),
        Side(middle + 1, match.end(4), (Literal(value, -1),), True, _NOTHING, -1, True, False, False, _NOTHING),
    )
    comparison = Comparison(CheckOutcome.HOLDS, value, value)
    chain = Chain(sides, ("=",), start, match.end(4), None, "", (comparison,))
    return chain, frozenset((left, right)), frozenset((left, right, value))


def read_expression(text: str) -> Side | None:
    """The side of a text that is nothing but plain arithmetic with an operator; None for any other text."""
    read = _read(text) if _EXPRESSION.fullmatch(text) else None
    if read is None or not isinstance(read[0], Operation) or read[0].operator == "negate":
        return None
    return make_plain_side(len(text) - len(text.lstrip()), len(text.rstrip()), read[0])


def read_equation(text: str, follows: str) -> Chain | None:
    """The chain of a text that is nothing but an equation of plain arithmetic; None for any other text."""
    if _EQUATION.fullmatch(text) is None or text.startswith(_BULLETS):
        return None
    sides: list[Side | None] = []
    results: list[Number | None] = []
    position = 0
    for part in text.split("="):
        start = position + len(part) - len(part.lstrip())
        end = position + len(part.rstrip())
        position += len(part) + 1
        if start < end:
            read = _read(text[start:end])
            if read is None:
                return None
            sides.append(make_plain_side(start, end, read[0]))
            results.append(read[1])
        elif sides:
            return None
        else:
            sides.append(None)
            results.append(None)
    first = sides[0]
    start = text.index("=") if first is None else first.start
    before = follows if first is None else ""
    return _make_chain(tuple(sides), results, start, len(text.rstrip()), before)


def read_sentence(text: str) -> Chain | None:
    """The chain of a sentence with one plain equation that holds, such as `She sells 16 - 3 - 4 = $9 a day`.

    None for other sentences: where the equation does not hold, what stands around it has to be looked at.
    """
    match = _SENTENCE.match(text)
    if match is None:
        return None
    left = _read(_WORDS.sub("", match["left"]))
    right = _read(match["right"].lstrip("$€£ "))
    if left is None or right is None or left[1] is None or left[1] != right[1]:
        return None
    has_lead_in = match.start("left") > 0
    sides = (
        make_plain_side(*match.span("left"), left[0], has_unit=True, has_lead_in=has_lead_in),
        make_plain_side(*match.span("right"), right[0], has_unit=True),
    )
    return _make_chain(sides, [left[1], right[1]], match.start("left"), match.end("right"), "")


def _make_chain(
    sides: tuple[Side | None, ...], results: list[Number | None], start: int, end: int, follows: str
) -> Chain:
    chain = Chain(sides, ("=",) * (len(sides) - 1), start, end, None, follows)
    if any(left is None or left != right for left, right in pairwise(results)):
        return settle(chain)
    return chain._replace(
        comparisons=tuple(Comparison(CheckOutcome.HOLDS, left, right) for left, right in pairwise(results))
    )


def _read(text: str) -> tuple[Tree, Number | None] | None:
    """The tree of plain arithmetic and its value, by Dijkstra's two stacks; None for what the grammar has to read."""
    tokens: list[str] = _TOKEN.findall(text)
    if len(tokens) == 1:
        read = read_number(tokens[0]) if tokens[0][-1].isdecimal() else None
        return None if read is None else (Literal(*read), read[0])
    if len(tokens) > MAX_TOKENS or tokens.count("/") > 1 or "÷" in tokens:
        return None
    stack = _Stack()
    expects_operand = True
    for token in tokens:
        sign: str = _SIGNS.get(token, token)
        if sign in "+-*/":
            if expects_operand and sign != "-":
                return None
            stack.push_operator("negate" if expects_operand else sign)
            expects_operand = True
        elif sign == "(":
            if not expects_operand:
                return None
            stack.operators.append(sign)
        elif sign == ")":
            if expects_operand or not stack.close():
                return None
        else:
            read = read_number(token) if expects_operand else None
            if read is None:
                return None
            stack.trees.append(Literal(*read))
            stack.values.append(read[0])
            expects_operand = False
    if expects_operand or "(" in stack.operators:
        return None
    return stack.finish()


class _Stack:
    """Operands with their values, and the operators that wait for their right side."""

    __slots__ = ("operators", "trees", "values")

    def __init__(self) -> None:
        self.operators: list[str] = []
        self.trees: list[Tree] = []
        self.values: list[Number | None] = []

    def push_operator(self, operator: str) -> None:
        if operator != "negate":
            rank = _PRECEDENCE[operator]
            while self.operators and self.operators[-1] != "(" and _PRECEDENCE[self.operators[-1]] >= rank:
                self._apply(self.operators.pop())
        self.operators.append(operator)

    def close(self) -> bool:
        """Work out the innermost bracket; False where none is open."""
        if "(" not in self.operators:
            return False
        while self.operators[-1] != "(":
            self._apply(self.operators.pop())
        self.operators.pop()
        return True

    def finish(self) -> tuple[Tree, Number | None]:
        while self.operators:
            self._apply(self.operators.pop())
        return self.trees[0], self.values[0]

    def _apply(self, operator: str) -> None:
        right, value = self.trees.pop(), self.values.pop()
        if operator == "negate":
            self.trees.append(Operation("negate", (right,)))
            self.values.append(None if value is None else -value)
            return
        self.trees[-1] = Operation(operator, (self.trees[-1], right))
        self.values[-1] = _calculate(operator, self.values[-1], value)


def _calculate(operator: str, left: Number | None, right: Number | None) -> Number | None:
    if left is None or right is None:
        return None
    if operator == "+":
        return values.add(left, right)
    if operator == "-":
        return values.subtract(left, right)
    if operator == "*":
        return values.multiply(left, right)
    return values.divide(left, right) if right else None
