"""What is known at one point of a trace: names, results with the step that found them, the chain that is worked."""

from __future__ import annotations

from typing import NamedTuple

from tracewright.pipeline.steps.arithmetic import read_side
from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.claims import Claim
from tracewright.pipeline.steps.equations import Equations
from tracewright.pipeline.steps.evaluation import evaluate
from tracewright.pipeline.steps.question import Question
from tracewright.pipeline.steps.trees import Tree
from tracewright.pipeline.steps.values import Number, UndefinedValueError

QUESTION = -1
"""Stands for the question among the steps that a step depends on."""
MAX_COMMON_NUMBER = 12
"""Up to this a number that appears again may well be another one."""


class Standing(NamedTuple):
    """An expression that a later claim may continue, and the step that wrote it."""

    side: Side | None
    """None for plain arithmetic of which only the value has been worked out so far."""
    text: str
    step: int
    known: Number | None = None

    def read(self) -> Side | None:
        """The expression as a side."""
        return read_side(self.text) if self.side is None else self.side

    def value(self, names: dict[str, Number]) -> Number | None:
        """What the expression comes to, if it can be worked out."""
        if self.side is None or self.side.value is not None:
            return self.known if self.side is None else self.side.value
        try:
            return evaluate(self.side.trees[0], names)
        except UndefinedValueError:
            return None


class Memory:
    """Grows step by step; a wrong result replaces a right one, so that what follows from it holds."""

    def __init__(self, question: Question) -> None:
        self.question = question
        expression = question.expression
        self.worked = None if expression is None else Standing(expression, question.text_of(expression), QUESTION)
        """The question's expression, as far as it has been reduced."""
        self.tail: Standing | None = None
        """What a line that begins with `=` continues."""
        self.equations = Equations()
        for chain in question.chains:
            for left, relation, right in zip(chain.sides, chain.relations, chain.sides[1:], strict=False):
                if left is not None and right is not None and (left.names or right.names):
                    self.equations.add(left.trees[0], relation, right.trees[0], QUESTION)
        self.names: dict[str, Number] = {}
        self.name_steps: dict[str, int] = {}
        self.definitions: dict[str, Tree] = {}
        """The expressions that names of prose stand for."""
        self.producers: dict[Number, int] = {}
        """The last step that arrived at a value."""
        self.seen: set[Number] = set(question.numbers)
        """Every number that was mentioned or arrived at."""
        self.mentions: dict[Number, int] = {}
        """The step that first said a number in words, which no step arrived at and the question does not give."""
        self.labels: dict[int, int] = {}
        """The steps by the numbers that their author gives them."""
        self.texts: list[str] = []
        """The steps so far but for lines of worked arithmetic."""
        self.doubtful: tuple[int, Claim] | None = None
        """A claim that fails unless a later step does, and its step."""
        self.has_formulas = False
        """Whether a step so far holds LaTeX: much of it is not read, so that a number may come from there."""
        self.last_result: tuple[Number, int] | None = None
        self.last_equation: tuple[str, Number] | None = None
        """The left side and the result of the last equation that stood alone."""
        self.is_broken = False
        """Whether the chain that is worked went through a line that is no expression."""
        self.has_failed = False
        """Whether a step so far fails: what follows from it may differ from what was asked."""

    def produce(self, value: Number, step: int) -> None:
        """A step arrived at a value."""
        self.producers[value] = step
        self.seen.add(value)
        self.last_result = (value, step)

    def mention(self, values: frozenset[Number], step: int | None) -> None:
        """These numbers appeared; `step` is the one that says them in words, if one does."""
        new = values - self.seen
        self.seen |= new
        if step is not None:
            self.mentions |= {value: step for value in new if abs(value) > MAX_COMMON_NUMBER}

    def define(self, name: str, value: Number, step: int) -> None:
        """A name stands for a value from here on."""
        self.names[name] = value
        self.name_steps[name] = step

    def find_source(self, value: Number) -> int | None:
        """The step that a number comes from, the question, or None where it was not seen."""
        step = self.producers.get(value)
        if step is None and value in self.question.numbers:
            return QUESTION
        return step
