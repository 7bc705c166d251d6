"""Whether two values are the same number or the same function: exactly where possible, else to many digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from fractions import Fraction
from typing import Protocol

from tracewright.pipeline.verify.comparison.calls import has_unknown_values
from tracewright.pipeline.verify.evaluation.exact import ExactEvaluator
from tracewright.pipeline.verify.evaluation.numeric import BASE_DIGITS, NumericEvaluator, digits_for
from tracewright.pipeline.verify.evaluation.sampling import samples, variables_of, whole_symbols
from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Apply, Node, Symbol, walk

_MIN_SAMPLES = 2
_SPARE_DIGITS = 15
"""Digits of a numeric value that rounding on the way may have spoilt."""
_MAX_EVALUATIONS = 4


class Truth(Enum):
    """What is known about an equality."""

    SAME = auto()
    DIFFERENT = auto()
    UNKNOWN = auto()
    """Algebra may say."""
    REFUSED = auto()
    """It can't be read, or is too large to work on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about an equality, by which method, and why where it is not plain."""

    truth: Truth
    method: str
    reason: str = ""


class Algebra(Protocol):
    """What may decide where evaluation can't: it may take long, and belongs into a worker."""

    def same_value(self, a: Node, b: Node, functions: frozenset[str]) -> Finding:
        """Whether two expressions are equal."""
        ...

    def same_solutions(self, a: Node, b: Node) -> Finding:
        """Whether two conditions or sets of one real variable hold the same numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Point:
    """Where two expressions are compared, and how `log` is read."""

    variables: Mapping[str, Fraction]
    functions: frozenset[str]
    salt: int = 0
    natural_log: bool = False
    real_only: bool = False

    def exact(self, node: Node) -> Fraction:
        """The node's exact value here."""
        return ExactEvaluator(self.variables, self.functions, self.salt).value(node)

    def numeric(self, digits: int) -> NumericEvaluator:
        """An evaluator to so many digits here."""
        return NumericEvaluator(digits, self.variables, self.functions, salt=self.salt, natural_log=self.natural_log)


def same_value(a: Node, b: Node, functions: frozenset[str]) -> Finding:
    """Whether two expressions have equal values wherever both have a real one. Never raises.

    Functions are compared at some points with exact or many-digit arithmetic: two that agree there are the same but
    for a chance that is no practical one. Where neither is real anywhere, complex values are compared.
    """
    if a == b:
        return Finding(Truth.SAME, "structural")
    try:
        found = _compare_samples(a, b, functions, natural_log=False)
        if found.truth is Truth.DIFFERENT and _has(_is_plain_log, a, b):
            natural = _compare_samples(a, b, functions, natural_log=True)
            return natural if natural.truth is Truth.SAME else found
    except UndecidedError as error:
        return Finding(Truth.UNKNOWN, "numeric", str(error))
    except LimitError as error:
        return Finding(Truth.REFUSED, "limit", str(error))
    return found


def exact_value(node: Node) -> Fraction | None:
    """The rational number that a node is; None where it is none or is too large to say."""
    try:
        return ExactEvaluator({}, frozenset()).value(node)
    except (UndecidedError, LimitError):
        return None


def real_value(node: Node) -> Fraction:
    """The real number that a node is, exactly or to many digits.

    Raises:
        UndecidedError, LimitError: it is none, or too large.
    """
    exact = exact_value(node)
    if exact is not None:
        return exact
    evaluator = NumericEvaluator(2 * BASE_DIGITS, {}, frozenset())
    value = evaluator.value(node)
    if evaluator.context.im(value):
        raise UndecidedError("it is no real number")
    mantissa, exponent = evaluator.context.re(value).man_exp
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _is_plain_log(node: Node) -> bool:
    return isinstance(node, Apply) and node.name == "log" and len(node.arguments) == 1


def _is_imaginary_unit(node: Node) -> bool:
    return node == Symbol("i")


def _has(condition: object, *nodes: Node) -> bool:
    return callable(condition) and any(condition(part) for node in nodes for part in walk(node))


def _compare_samples(a: Node, b: Node, functions: frozenset[str], *, natural_log: bool) -> Finding:
    names = variables_of(a, functions) | variables_of(b, functions)
    whole = (whole_symbols(a) | whole_symbols(b)) & names
    once = not names and not has_unknown_values(a, functions) and not has_unknown_values(b, functions)
    if once:
        return _agree(a, b, [Point({}, functions, natural_log=natural_log)], 1)
    points = [
        Point(sample, functions, salt, natural_log, real_only=bool(names) and not _has(_is_imaginary_unit, a, b))
        for salt, sample in enumerate(samples(names, whole))
    ]
    try:
        return _agree(a, b, points, _MIN_SAMPLES)
    except UndecidedError:
        return _agree(a, b, [replace(point, real_only=False) for point in points], _MIN_SAMPLES)


def _agree(a: Node, b: Node, points: list[Point], needed: int) -> Finding:
    """Whether the expressions agree at all points where both have a value, of which there must be enough."""
    methods: list[str] = []
    problem = UndecidedError("no value")
    for point in points:
        try:
            equal, method = _compare_at(a, b, point)
        except UndecidedError as error:
            problem = error
            continue
        if not equal:
            return Finding(Truth.DIFFERENT, method)
        methods.append(method)
    if len(methods) < needed:
        raise problem
    return Finding(Truth.SAME, methods[0])


def _compare_at(a: Node, b: Node, point: Point) -> tuple[bool, str]:
    try:
        return point.exact(a) == point.exact(b), "rational"
    except (UndecidedError, LimitError):
        return _compare_numerically(a, b, point), "numeric"


def _compare_numerically(a: Node, b: Node, point: Point) -> bool:
    digits = BASE_DIGITS
    for _ in range(_MAX_EVALUATIONS):
        evaluator = point.numeric(digits)
        left, right = evaluator.value(a), evaluator.value(b)
        if point.real_only and not evaluator.is_real:
            raise UndecidedError("no real value")
        scale = evaluator.context.ldexp(1, evaluator.largest_bits)
        if abs(left - right) > scale * evaluator.context.mpf(10) ** (_SPARE_DIGITS - digits):
            return False
        needed = digits_for(evaluator.largest_bits, evaluator.smallest_bits)
        if digits >= needed:
            return True
        digits = needed
    # Beside a pole, more digits only give a larger number.
    raise UndecidedError("its magnitude grows with the digits it is worked out to")
