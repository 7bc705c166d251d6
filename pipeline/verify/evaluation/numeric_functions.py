"""The functions of numeric evaluation, in the numbers of one mpmath context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracewright.pipeline.verify.failures import UndecidedError


def numeric_functions(context: Any, *, natural_log: bool) -> dict[str, Callable[..., Any]]:
    """The function of each operation that has numeric values, by its name."""

    def root(value: Any, degree: Any = 2) -> Any:
        count = int(degree)
        if count != degree or count < 1:
            raise UndecidedError("a root whose degree is no whole number")
        if count % 2 and context.im(value) == 0 and context.re(value) < 0:
            return -context.root(-value, count)
        return context.root(value, count)

    def log(value: Any, base: Any = None) -> Any:
        if base is None:
            return context.log(value) if natural_log else context.log10(value)
        return context.log(value) / context.log(base)

    def product(*factors: Any) -> Any:
        return context.fprod(factors)

    def total(*terms: Any) -> Any:
        return context.fsum(terms)

    def real(function: Callable[..., Any]) -> Callable[..., Any]:
        def apply(*values: Any) -> Any:
            if any(context.im(value) for value in values):
                raise UndecidedError("a complex number has no order")
            return function(*(context.re(value) for value in values))

        return apply

    table: dict[str, Callable[..., Any]] = {
        "+": total,
        "*": product,
        "/": lambda above, below: above / below,
        "ratio": lambda above, below: above / below,
        "neg": lambda value: -value,
        "^": context.power,
        "%": lambda value: value / 100,
        "°": lambda value: value * context.pi / 180,
        "sqrt": root,
        "cbrt": lambda value: root(value, 3),
        "log": log,
        "ln": context.log,
        "lg": context.log10,
        "abs": abs,
        "factorial": context.factorial,
        "double_factorial": context.fac2,
        "cis": lambda angle: context.exp(context.mpc(0, 1) * angle),
        "binomial": context.binomial,
        "sgn": real(context.sign),
        "floor": real(context.floor),
        "ceil": real(context.ceil),
        "max": real(max),
        "min": real(min),
        "Re": context.re,
        "Im": context.im,
        "conj": context.conj,
    }
    names = ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "exp")
    table.update({name: getattr(context, name) for name in names})
    inverses = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec"}
    inverses |= {"arccsc": "acsc", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh"}
    table.update({name: getattr(context, theirs) for name, theirs in inverses.items()})
    return table
