"""Operations on rational numbers, with rational results or none."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.limits import MAX_NUMBER_BITS

_MAX_FACTORIAL = 5_000
_MAX_BASE = 36


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


def _double_factorial(value: Fraction) -> Fraction:
    count = _whole(value, _MAX_FACTORIAL)
    if count < -1:
        raise UndecidedError("a double factorial of a negative number")
    return Fraction(math.prod(range(count, 0, -2)))


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


OPERATIONS: dict[str, Callable[..., Fraction]] = {
    "+": lambda *terms: sum(terms, Fraction(0)),
    "*": _product,
    "/": divide,
    "ratio": divide,
    "neg": lambda value: -value,
    "^": power,
    "%": lambda value: value / 100,
    "factorial": _factorial,
    "double_factorial": _double_factorial,
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
"""Operations of the grammar that have rational values."""
