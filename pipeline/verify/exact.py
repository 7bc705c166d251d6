"""Exact evaluation in rational numbers, with a bound on the work it does."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.limits import MAX_NUMBER_BITS, MAX_SUM_TERMS, MAX_WORK
from tracewright.pipeline.verify.nodes import Apply, Call, Node, Number, Symbol

_WORD_BITS = 30
_MAX_FACTORIAL = 5_000
_MAX_BASE = 36
_OPERATION_WORK = 200
"""What an operation on small numbers costs, in the unit of `MAX_WORK`."""


class ExactEvaluator:
    """Values of nodes, given values of the variables.

    Letters in `functions` are unknown functions when they stand before parentheses: equal arguments give equal values,
    and different ones unrelated values. All other letters before parentheses are factors.
    """

    def __init__(self, variables: Mapping[str, Fraction], functions: frozenset[str], salt: int = 0) -> None:
        self._variables = dict(variables)
        self._functions = functions
        self._salt = salt
        self._work = 0
        self._terms = 0

    def value(self, node: Node) -> Fraction:
        """The value.

        Raises:
            UndecidedError: it is not rational, or there is none.
            LimitError: it is too large, or too much work.
        """
        match node:
            case Number():
                return node.value
            case Symbol():
                return self._symbol(node.name)
            case Apply("sum" | "prod"):
                return self._iterate(node)
            case Apply():
                return self._apply(node)
            case Call():
                return self._call(node)
            case _:
                raise UndecidedError("no number")

    def _symbol(self, name: str) -> Fraction:
        value = self._variables.get(name)
        if value is None:
            raise UndecidedError(f"{name} is not rational")
        return value

    def _apply(self, node: Apply) -> Fraction:
        operation = _OPERATIONS.get(node.name)
        if operation is None:
            raise UndecidedError(f"{node.name} is not rational")
        try:
            result = operation(*map(self.value, node.arguments))
        except (UndecidedError, LimitError):
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise UndecidedError(f"{node.name} of these {len(node.arguments)} arguments has no value") from error
        self._charge(result)
        return result

    def _charge(self, value: Fraction) -> None:
        words = (value.numerator.bit_length() + value.denominator.bit_length()) // _WORD_BITS + 1
        self._work += words * words + _OPERATION_WORK
        if words * _WORD_BITS > 2 * MAX_NUMBER_BITS:
            raise LimitError(f"a number has more than {MAX_NUMBER_BITS} bits")
        if self._work > MAX_WORK:
            raise LimitError("the exact value takes too much work")

    def _call(self, node: Call) -> Fraction:
        arguments = [self.value(argument) for argument in node.arguments]
        if node.name.endswith("_") or node.name in self._functions or len(arguments) != 1:
            return self._unknown(node.name, arguments)
        return self._symbol(node.name) * arguments[0]

    def _unknown(self, name: str, arguments: list[Fraction]) -> Fraction:
        return unknown_value(name, [str(argument) for argument in arguments], self._salt)

    def _iterate(self, node: Apply) -> Fraction:
        body, index, first, last = node.arguments
        low, high = self.value(first), self.value(last)
        if low.denominator != 1 or high.denominator != 1 or not isinstance(index, Symbol):
            raise UndecidedError("the bounds of a sum are whole numbers")
        self._terms += max(0, int(high - low) + 1)
        if self._terms > MAX_SUM_TERMS:
            raise LimitError(f"a sum has more than {MAX_SUM_TERMS} terms")
        outer = self._variables.get(index.name)
        total = Fraction(0 if node.name == "sum" else 1)
        for number in range(int(low), int(high) + 1):
            self._variables[index.name] = Fraction(number)
            term = self.value(body)
            total = total + term if node.name == "sum" else total * term
            self._charge(total)
        self._variables.pop(index.name, None)
        if outer is not None:
            self._variables[index.name] = outer
        return total


def unknown_value(name: str, arguments: list[str], salt: int) -> Fraction:
    """The value of an unknown function: a hash of its name and arguments, between −2 and 2."""
    digest = hashlib.blake2b("\0".join([name, str(salt), *arguments]).encode(), digest_size=8).digest()
    return Fraction(int.from_bytes(digest, "big"), 2**62) - 2


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """The real power where it is rational; of a negative base the real odd root."""
    if exponent.denominator != 1:
        return power(_root(base, exponent.denominator), Fraction(exponent.numerator))
    count = exponent.numerator
    if base == 0 and count < 0:
        raise UndecidedError("division by zero")
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) != 1 and base and bits * abs(count) > MAX_NUMBER_BITS:
        raise LimitError(f"a power has more than {MAX_NUMBER_BITS} bits")
    if abs(base) == 1 or not base:
        count = count % 2 if base else min(count, 1)
    return base**count


def _root(value: Fraction, degree: int) -> Fraction:
    if value < 0 and degree % 2 == 0:
        raise UndecidedError("an even root of a negative number")
    sign = -1 if value < 0 else 1
    return sign * Fraction(_integer_root(abs(value.numerator), degree), _integer_root(value.denominator, degree))


def _integer_root(number: int, degree: int) -> int:
    if degree == 2:
        root = math.isqrt(number)
    elif number.bit_length() <= degree:
        root = min(number, 1)
    elif degree > _MAX_FACTORIAL:
        raise LimitError(f"a root of a degree above {_MAX_FACTORIAL}")
    else:
        root = _newton_root(number, degree)
    if root**degree != number:
        raise UndecidedError("a root that is not rational")
    return root


def _newton_root(number: int, degree: int) -> int:
    root = 1 << -(-number.bit_length() // degree)
    while True:
        smaller = ((degree - 1) * root + number // root ** (degree - 1)) // degree
        if smaller >= root:
            return root
        root = smaller


def _whole(value: Fraction, limit: int | None = None) -> int:
    if value.denominator != 1:
        raise UndecidedError("not a whole number")
    if limit is not None and abs(value) > limit:
        raise LimitError(f"a number above {limit}")
    return value.numerator


def _product(*factors: Fraction) -> Fraction:
    product = Fraction(1)
    for factor in factors:
        if max(product.numerator.bit_length(), product.denominator.bit_length()) > MAX_NUMBER_BITS:
            raise LimitError(f"a number has more than {MAX_NUMBER_BITS} bits")
        product *= factor
    return product


def divide(above: Fraction, below: Fraction) -> Fraction:
    """The quotient.

    Raises:
        UndecidedError: `below` is zero.
    """
    if not below:
        raise UndecidedError("division by zero")
    return above / below


def _factorial(value: Fraction) -> Fraction:
    count = _whole(value, _MAX_FACTORIAL)
    if count < 0:
        raise UndecidedError("a factorial of a negative number")
    return Fraction(math.factorial(count))


def _binomial(above: Fraction, below: Fraction) -> Fraction:
    n, k = _whole(above, _MAX_FACTORIAL), _whole(below, _MAX_FACTORIAL)
    if n < 0 or k < 0:
        raise UndecidedError("a binomial coefficient of negative numbers")
    return Fraction(math.comb(n, k))


def _modulo(value: Fraction, modulus: Fraction) -> Fraction:
    if not modulus:
        raise UndecidedError("division by zero")
    return value % modulus


def _based(digits: Fraction, base: Fraction) -> Fraction:
    radix = _whole(base, _MAX_BASE)
    text = str(_whole(digits))
    if radix < 2 or any(int(digit) >= radix for digit in text if digit.isdigit()):
        raise UndecidedError("no numeral of its base")
    return Fraction(int(text, radix))


def _square_root(value: Fraction, degree: Fraction = Fraction(2)) -> Fraction:
    count = _whole(degree, _MAX_FACTORIAL)
    if count < 1:
        raise UndecidedError("a root of a degree below one")
    return _root(value, count)


_OPERATIONS: dict[str, Callable[..., Fraction]] = {
    "+": lambda *terms: sum(terms, Fraction(0)),
    "*": _product,
    "/": divide,
    "ratio": divide,
    "neg": lambda value: -value,
    "^": power,
    "%": lambda value: value / 100,
    "factorial": _factorial,
    "binomial": _binomial,
    "mod": _modulo,
    "base": _based,
    "sqrt": _square_root,
    "cbrt": lambda value: _root(value, 3),
    "abs": lambda value: max(value, -value),
    "sgn": lambda value: Fraction((value > 0) - (value < 0)),
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "gcd": lambda *values: Fraction(math.gcd(*map(_whole, values))),
    "lcm": lambda *values: Fraction(math.lcm(*map(_whole, values))),
}
