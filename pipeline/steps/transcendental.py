"""Logarithms, π and the trigonometric functions, with the digits that `values` keeps for reals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import mpmath

from tracewright.pipeline.steps.values import REAL_DIGITS, Number, UndefinedValueError, to_decimal

MAX_ARGUMENT = 10**6
_REALS = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.MPContext()
_REALS.dps = REAL_DIGITS
PI = Decimal(str(_REALS.nstr(_REALS.pi, REAL_DIGITS)))


def _to_real(value: Number) -> Any:
    if abs(value) > MAX_ARGUMENT:
        raise UndefinedValueError("an argument beyond the limit")
    return _REALS.mpf(str(to_decimal(value)))


def _from_real(value: Any) -> Number:
    """A number; the integers that functions give at special points are exact."""
    if not isinstance(value, _REALS.mpf) or not _REALS.isfinite(value):
        raise UndefinedValueError("no real value")
    nearest = int(_REALS.nint(value))
    if abs(value - nearest) < _REALS.mpf(10) ** (10 - REAL_DIGITS):
        return nearest
    return Decimal(str(_REALS.nstr(value, REAL_DIGITS)))


def _trigonometric(name: str) -> Callable[..., Number]:
    function = getattr(_REALS, name)

    def apply(value: Number, *, in_degrees: bool) -> Number:
        argument = _to_real(value)
        try:
            result = function(argument * _REALS.pi / 180 if in_degrees else argument)
        except (ValueError, ZeroDivisionError) as error:
            raise UndefinedValueError(f"{name} has no value there") from error
        if abs(result) > MAX_ARGUMENT:
            raise UndefinedValueError(f"{name} has no value there")
        return _from_real(result)

    return apply


def _logarithm(value: Number, base: Number = 10, *, in_degrees: bool = False) -> Number:
    if value <= 0 or base <= 0 or base == 1:
        raise UndefinedValueError("a logarithm of a number that is not positive")
    return _from_real(_REALS.log(_to_real(value)) / _REALS.log(_to_real(base)))


def _natural_logarithm(value: Number, *, in_degrees: bool = False) -> Number:
    if value <= 0:
        raise UndefinedValueError("a logarithm of a number that is not positive")
    return _from_real(_REALS.log(_to_real(value)))


def _exponential(value: Number, *, in_degrees: bool = False) -> Number:
    if abs(value) > 1000:
        raise UndefinedValueError("an exponent beyond the limit")
    return _from_real(_REALS.exp(_to_real(value)))


FUNCTIONS: dict[str, Callable[..., Number]] = {
    **{name: _trigonometric(name) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    "log": _logarithm,
    "ln": _natural_logarithm,
    "exp": _exponential,
}
"""By name; every one takes `in_degrees`, which only the trigonometric ones look at."""
