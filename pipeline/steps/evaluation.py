"""The value of an expression tree, exact wherever that is possible.

A number with a percent sign or a unit has two values, with the sign applied (20% is 1/5, 2 hours are 7200 seconds) and
without: people write `25% of 80 = 20` and `80% − 20% = 60` alike. `Mode` says which one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import comb, gcd, lcm
from typing import NamedTuple

from tracewright.pipeline.steps import values
from tracewright.pipeline.steps.transcendental import FUNCTIONS as REAL_FUNCTIONS
from tracewright.pipeline.steps.transcendental import PI
from tracewright.pipeline.steps.trees import Literal, Name, Operation, Tree, iterate_nodes
from tracewright.pipeline.steps.units import get_unit
from tracewright.pipeline.steps.values import Number, UndefinedValueError

MAX_BINOMIAL = 500


class Mode(NamedTuple):
    """Whether percent signs and units count."""

    percent: bool
    units: bool
    minus: bool = False
    """Whether `±` is a minus."""


PLAIN = Mode(percent=True, units=False)
MODES = (PLAIN, Mode(percent=False, units=False), Mode(percent=True, units=True))

_BINARY: dict[str, Callable[[Number, Number], Number]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "^": values.power,
}


class UnknownNameError(UndefinedValueError):
    """The expression has a name that stands for no number."""


def evaluate(tree: Tree, names: Mapping[str, Number], mode: Mode = PLAIN) -> Number:
    """The tree's value, with the values of its names.

    Raises:
        UnknownNameError: a name has no value.
        UndefinedValueError: a division by zero, a function that is not worked out here, a limit.
    """
    if isinstance(tree, Literal):
        return tree.value
    if isinstance(tree, Name):
        try:
            return names[tree.text]
        except KeyError:
            raise UnknownNameError(tree.text) from None
    operator, arguments = tree
    binary = _BINARY.get(operator)
    if binary is not None:
        left, right = evaluate(arguments[0], names, mode), evaluate(arguments[1], names, mode)
        if type(left) is int and type(right) is int and operator in "+-":
            return left + right if operator == "+" else left - right
        return binary(left, right)
    if operator == "±":
        left, right = evaluate(arguments[0], names, mode), evaluate(arguments[1], names, mode)
        return values.subtract(left, right) if mode.minus else values.add(left, right)
    if operator == "negate":
        return -evaluate(arguments[0], names, mode)
    return _apply(operator, [evaluate(argument, names, mode) for argument in arguments], mode, arguments)


def _apply(operator: str, arguments: list[Number], mode: Mode, trees: tuple[Tree, ...]) -> Number:
    if operator == "percent":
        return values.divide(arguments[0], 100) if mode.percent else arguments[0]
    if operator.startswith("unit:"):
        return values.multiply(arguments[0], get_unit(operator[5:]).factor) if mode.units else arguments[0]
    if operator == "degrees":
        return arguments[0]
    if operator in REAL_FUNCTIONS:
        return REAL_FUNCTIONS[operator](*arguments, in_degrees=_has_degrees(trees[0]))
    function = _EXACT_FUNCTIONS.get(operator)
    if function is None:
        raise UndefinedValueError(f"{operator} is not worked out here")
    try:
        return values.normalize(function(*arguments))
    except TypeError as error:
        raise UndefinedValueError(f"{operator} of {len(arguments)} arguments") from error


def _has_degrees(tree: Tree) -> bool:
    return any(isinstance(node, Operation) and node.operator == "degrees" for node in iterate_nodes(tree))


def _root(value: Number, degree: Number) -> Number:
    if not isinstance(degree, int):
        raise UndefinedValueError("a root of a degree that is no integer")
    return values.root(value, degree)


def _binomial(n: Number, k: Number) -> Number:
    if not (isinstance(n, int) and isinstance(k, int) and 0 <= n <= MAX_BINOMIAL and k >= 0):
        raise UndefinedValueError("a binomial coefficient beyond the limits")
    return comb(n, k)


def _integers(function: Callable[..., int]) -> Callable[..., Number]:
    def apply(*arguments: Number) -> Number:
        if not all(isinstance(argument, int) for argument in arguments):
            raise UndefinedValueError("a divisor of numbers that are not integers")
        return function(*arguments)

    return apply


_EXACT_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "!": values.take_factorial,
    "root": _root,
    "sqrt": lambda value: values.root(value, 2),
    "abs": lambda value: value if value >= 0 else -value,
    "binomial": _binomial,
    "gcd": _integers(gcd),
    "lcm": _integers(lcm),
    "max": lambda *numbers: max(numbers),
    "min": lambda *numbers: min(numbers),
    "floor": lambda value: values.as_fraction(value).__floor__(),
    "ceil": lambda value: values.as_fraction(value).__ceil__(),
    "round": lambda value: (values.as_fraction(value) + Fraction(1, 2)).__floor__(),
    "pi": lambda: PI,
}
