"""Exact numbers, and the limits that keep hostile arithmetic from running long.

A value is an `int` or a `Fraction` wherever that is possible; roots, logarithms and π are `Decimal`s of
`REAL_DIGITS` digits. Integers stay `int` because `Fraction` costs about ten times as much.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from fractions import Fraction
from math import factorial, isqrt

Number = int | Fraction | Decimal

MAX_LITERAL_DIGITS = 60
MAX_RESULT_BITS = 8192
"""Of a numerator or denominator after a power, a factorial or a product."""
MAX_FACTORIAL = 300
REAL_DIGITS = 50
_REAL_TOLERANCE = Decimal(10) ** -(REAL_DIGITS - 15)
_REALS = Context(prec=REAL_DIGITS, Emax=9_999, Emin=-9_999, traps=[InvalidOperation, DivisionByZero, Overflow])
_MAX_REAL_EXPONENT = 1_000
_MAX_ROOT = 16


class UndefinedValueError(ArithmeticError):
    """The expression has no value that is worked out here: a division by zero, a root of −1, a limit."""


def normalize(value: Number) -> Number:
    """The value as an `int` where it is one."""
    if type(value) is Fraction and value.denominator == 1:
        return value.numerator
    return value


def to_decimal(value: Number) -> Decimal:
    """The value with `REAL_DIGITS` digits."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return _REALS.create_decimal(value)
    return _REALS.divide(Decimal(value.numerator), Decimal(value.denominator))


def add(left: Number, right: Number) -> Number:
    if type(left) is int and type(right) is int:
        return _bound(left + right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _guard(_REALS.add, to_decimal(left), to_decimal(right))
    return _bound(left + right)


def subtract(left: Number, right: Number) -> Number:
    if type(left) is int and type(right) is int:
        return _bound(left - right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _guard(_REALS.subtract, to_decimal(left), to_decimal(right))
    return _bound(left - right)


def multiply(left: Number, right: Number) -> Number:
    if type(left) is int and type(right) is int:
        return _bound(left * right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _guard(_REALS.multiply, to_decimal(left), to_decimal(right))
    return _bound(left * right)


def divide(left: Number, right: Number) -> Number:
    if right == 0:
        raise UndefinedValueError("division by zero")
    if type(left) is int and type(right) is int:
        return left // right if left % right == 0 else Fraction(left, right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _guard(_REALS.divide, to_decimal(left), to_decimal(right))
    return _bound(Fraction(left) / right)


def power(base: Number, exponent: Number) -> Number:
    """The power, exact for integer exponents and perfect roots; limited before it is worked out."""
    if isinstance(exponent, int):
        return _integer_power(base, exponent)
    if base == 0 and exponent > 0:
        return 0
    if base <= 0:
        raise UndefinedValueError("a power of a number that is not positive")
    if isinstance(exponent, Fraction) and not isinstance(base, Decimal) and exponent.denominator <= _MAX_ROOT:
        root_of_base = exact_root(base, exponent.denominator)
        if root_of_base is not None:
            return _integer_power(root_of_base, exponent.numerator)
    if abs(exponent) > _MAX_REAL_EXPONENT:
        raise UndefinedValueError("exponent beyond the limit")
    return _guard(_REALS.power, to_decimal(base), to_decimal(exponent))


def root(value: Number, degree: int) -> Number:
    """The real root; exact where the value is a perfect power."""
    if not 2 <= degree <= _MAX_ROOT:
        raise UndefinedValueError("a root of a degree beyond the limit")
    if value < 0:
        if degree % 2 == 0:
            raise UndefinedValueError("an even root of a negative number")
        return -root(-value, degree)
    if not isinstance(value, Decimal):
        exact = exact_root(value, degree)
        if exact is not None:
            return exact
    if degree == 2:
        return _REALS.sqrt(to_decimal(value))
    return _guard(_REALS.power, to_decimal(value), _REALS.divide(Decimal(1), Decimal(degree)))


def exact_root(value: int | Fraction, degree: int) -> int | Fraction | None:
    """The root of a non-negative rational where it is rational."""
    if isinstance(value, int):
        return _integer_root(value, degree)
    top, bottom = _integer_root(value.numerator, degree), _integer_root(value.denominator, degree)
    return None if top is None or bottom is None else Fraction(top, bottom)


def take_factorial(value: Number) -> Number:
    if not isinstance(value, int) or not 0 <= value <= MAX_FACTORIAL:
        raise UndefinedValueError("factorial of a number that is negative, broken or beyond the limit")
    return factorial(value)


def are_equal(left: Number, right: Number) -> bool:
    """Equality: exact for rationals, to within 10⁻³⁵ of the larger one for reals."""
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        left, right = to_decimal(left), to_decimal(right)
        scale = max(abs(left), abs(right), Decimal(1))
        return abs(_REALS.subtract(left, right)) <= _REALS.multiply(scale, _REAL_TOLERANCE)
    return left == right


def as_fraction(value: Number) -> Fraction:
    """The value as a fraction; a real one as it is held."""
    return Fraction(value)


_MAX_SHOWN_DIGITS = 24


def format_number(value: Number) -> str:
    """The value for a person: an integer, a decimal that ends, or else a fraction; very long ones are shortened."""
    if isinstance(value, Decimal):
        return f"{value:.10g}"
    if isinstance(value, int):
        text = str(value)
        return text if len(text) <= _MAX_SHOWN_DIGITS else f"about {to_decimal(value):.6e}"
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1 and value.denominator <= 10**9:
        return f"{to_decimal(value).normalize():f}"
    text = f"{value.numerator}/{value.denominator}"
    return text if len(text) <= _MAX_SHOWN_DIGITS else f"about {to_decimal(value):.10g}"


def _integer_power(base: Number, exponent: int) -> Number:
    if isinstance(base, Decimal):
        if abs(exponent) > _MAX_REAL_EXPONENT:
            raise UndefinedValueError("exponent beyond the limit")
        return _guard(_REALS.power, base, Decimal(exponent))
    bits = max(_bits(base), 1)
    if bits * abs(exponent) > MAX_RESULT_BITS and base not in (0, 1, -1):
        raise UndefinedValueError("power beyond the limit")
    if exponent < 0:
        if base == 0:
            raise UndefinedValueError("division by zero")
        return normalize(Fraction(1) / base**-exponent)
    if base in (0, 1, -1):
        return base ** (exponent % 2) if base == -1 else (base if exponent else 1)
    return base**exponent


def _integer_root(value: int, degree: int) -> int | None:
    if degree == 2:
        guess = isqrt(value)
    elif value.bit_length() > 1000:
        return None
    else:
        guess = round(value ** (1 / degree))
    return next((n for n in (guess - 1, guess, guess + 1) if n >= 0 and n**degree == value), None)


def _bits(value: int | Fraction) -> int:
    if isinstance(value, int):
        return value.bit_length()
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bound(value: int | Fraction) -> int | Fraction:
    if type(value) is int:
        if value.bit_length() > MAX_RESULT_BITS:
            raise UndefinedValueError("result beyond the limit")
        return value
    if value.denominator == 1:
        return _bound(value.numerator)
    if _bits(value) > MAX_RESULT_BITS:
        raise UndefinedValueError("result beyond the limit")
    return value


def _guard(operation: Callable[[Decimal, Decimal], Decimal], left: Decimal, right: Decimal) -> Decimal:
    try:
        return operation(left, right)
    except ArithmeticError as error:
        raise UndefinedValueError(str(error)) from error
