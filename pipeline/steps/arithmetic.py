"""Plain arithmetic, read without the tokens and grammar that prose and LaTeX need: the same trees, ten times faster.

Whatever is not plain (a name, a unit, two divisions in a row, numbers side by side) is left to the grammar.
"""

from __future__ import annotations

import re

from tracewright.pipeline.steps.chains import Chain, Side, make_plain_side
from tracewright.pipeline.steps.grammar import Literal, Operation, Tree
from tracewright.pipeline.steps.lexer import read_number

MAX_TOKENS = 60
_EQUATION = re.compile(r"[\d+\-*/(). ]*(?:=[\d+\-*/(). ]+)+")
_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+|[-+*/()x×–−÷]")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "negate": 3}
_SIGNS = {"x": "*", "×": "*", "–": "-", "−": "-", "÷": "/"}
_NUMBER = r"[$€£]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?!,\d))(?:\.\d+)?(?![\d.]*\d)"
_SENTENCE = re.compile(
    rf"(?P<lead>(?:[^=<>≈~≤≥≠]*[^\W\d_][ ]+)?)(?P<left>{_NUMBER}(?:[ ]*[-+*/x×÷][ ]*{_NUMBER})+)[ ]*=[ ]*"
    rf"(?P<right>{_NUMBER})(?=[.;:,]?(?:\s|$))(?![ ]*[-+*/x×÷^(%])[^=<>≈~≤≥≠%]*$"
)


def read_equation(text: str, follows: str) -> Chain | None:
    """The chain of a text that is nothing but an equation of plain arithmetic; None for any other text."""
    if _EQUATION.fullmatch(text) is None:
        return None
    sides: list[Side | None] = []
    position = 0
    for part in text.split("="):
        start = position + len(part) - len(part.lstrip())
        end = position + len(part.rstrip())
        position += len(part) + 1
        if start < end:
            tree = read_expression(text[start:end])
            if tree is None:
                return None
            sides.append(make_plain_side(start, end, tree))
        elif sides:
            return None
        else:
            sides.append(None)
    first = sides[0]
    relations = ("=",) * (len(sides) - 1)
    start = text.index("=") if first is None else first.start
    return Chain(tuple(sides), relations, start, len(text.rstrip()), None, follows if first is None else "")


def read_sentence(text: str) -> Chain | None:
    """The chain of a sentence with one plain equation, such as `She sells 16 - 3 - 4 = $9 a day`; None for others.

    Only to be trusted where the equation holds: what stands around it is not looked at.
    """
    match = _SENTENCE.match(text)
    if match is None:
        return None
    left = read_expression(match["left"].replace("$", "").replace("€", "").replace("£", ""))
    right = read_expression(match["right"].lstrip("$€£"))
    if left is None or right is None:
        return None
    has_lead_in = match.end("lead") > 0
    return Chain(
        (
            make_plain_side(*match.span("left"), left, has_unit=True, has_lead_in=has_lead_in),
            make_plain_side(*match.span("right"), right, has_unit=True),
        ),
        ("=",),
        match.start("left"),
        match.end("right"),
        None,
        "",
    )


def read_expression(text: str) -> Tree | None:
    """The tree of plain arithmetic, by Dijkstra's two stacks; None for what the grammar has to read."""
    tokens: list[str] = _TOKEN.findall(text)
    if len(tokens) > MAX_TOKENS or tokens.count("/") > 1 or "÷" in tokens:
        return None
    values: list[Tree] = []
    operators: list[str] = []
    expects_operand = True
    for token in tokens:
        sign: str = _SIGNS.get(token, token)
        if sign in "+-*/":
            if expects_operand and sign != "-":
                return None
            operator = "negate" if expects_operand else sign
            rank = _PRECEDENCE[operator]
            while operator != "negate" and operators and operators[-1] != "(" and _PRECEDENCE[operators[-1]] >= rank:
                _apply(values, operators.pop())
            operators.append(operator)
            expects_operand = True
        elif sign == "(":
            if not expects_operand:
                return None
            operators.append(sign)
        elif sign == ")":
            if expects_operand or "(" not in operators:
                return None
            while operators[-1] != "(":
                _apply(values, operators.pop())
            operators.pop()
        else:
            read = read_number(token) if expects_operand else None
            if read is None:
                return None
            values.append(Literal(*read))
            expects_operand = False
    if expects_operand or "(" in operators:
        return None
    while operators:
        _apply(values, operators.pop())
    return values[0]


def _apply(values: list[Tree], operator: str) -> None:
    right = values.pop()
    if operator == "negate":
        values.append(Operation("negate", (right,)))
    else:
        values[-1] = Operation(operator, (values[-1], right))
