"""Numeric evaluation with as many digits as the expression needs, in real and complex numbers."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tracewright.pipeline.verify.evaluation.budget import current_budget
from tracewright.pipeline.verify.evaluation.exact import ExactEvaluator, unknown_value
from tracewright.pipeline.verify.evaluation.numeric_functions import numeric_functions
from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Apply, Call, Node, Number, Symbol
from tracewright.pipeline.verify.limits import MAX_NUMERIC_WORK, MAX_PRECISION_DIGITS, MAX_SUM_TERMS

BASE_DIGITS = 50
"""Digits of the first evaluation."""
_ARGUMENT_DIGITS = 30
"""To so many digits the arguments of an unknown function are the same."""
_MAX_EXPONENT_BITS = 40_000
"""Magnitude of a value, as a power of two; a larger one is not worked on."""
_PERIODIC = ("sin", "cos", "tan", "cot", "sec", "csc", "exp", "sinh", "cosh", "tanh", "coth")
_MAX_ARGUMENT_BITS = {**dict.fromkeys(_PERIODIC, 2_000), "factorial": 20, "double_factorial": 20, "binomial": 20}
"""Magnitude of a function's argument, as a power of two: more would need as many digits, or give too large a value."""
_GAMMA = frozenset({"factorial", "double_factorial", "binomial"})
_MAX_GAMMA_DIGITS = 300
"""At 3,000 digits the first gamma function takes 5 s."""
_MS_PER_WORK = 100 / MAX_NUMERIC_WORK
_CANCELLING = frozenset({"+", "sin", "cos"})
_NOISE_BITS = 50
"""Bits of a value that rounding on the way may have spoilt."""


class NumericEvaluator:
    """Values of nodes to a number of digits, given values of the variables; see `ExactEvaluator` for `functions`.

    It remembers whether all values on its way were real, and the largest and smallest magnitude: the digits that a
    comparison needs follow from them.
    """

    def __init__(
        self,
        digits: int,
        variables: Mapping[str, Fraction],
        functions: frozenset[str],
        *,
        salt: int = 0,
        natural_log: bool = False,
    ) -> None:
        # Imported here: it takes 0.2 s, and most answers are decided without it.
        import mpmath

        self.context: Any = mpmath.MPContext()
        self.context.dps = digits
        self.is_real = True
        self.largest_bits = 1
        self.smallest_bits = 0
        self._variables: dict[str, Fraction] = dict(variables)
        self._functions = functions
        self._salt = salt
        self._natural_log = natural_log
        self._terms = 0
        self._work = 0.0
        self._budget = current_budget()
        self._operation_work = 1 + (digits / 100) ** 2 / 10
        self._operations = numeric_functions(self.context, natural_log=natural_log)

    def value(self, node: Node) -> Any:
        """The value, a real or complex number of the evaluator's context.

        Raises:
            UndecidedError: there is none, or this module does not know how.
            LimitError: it is too large.
        """
        try:
            return self._value(node)
        except (ArithmeticError, ValueError, TypeError, LookupError, NotImplementedError) as error:
            if isinstance(error, UndecidedError | LimitError):
                raise
            raise UndecidedError(f"no numeric value: {error}") from error

    def _value(self, node: Node) -> Any:
        match node:
            case Number():
                result = self._from_fraction(node.value)
            case Symbol():
                result = self._symbol(node.name)
            case Apply("sum" | "prod"):
                result = self._iterate(node)
            case Apply("base" | "mod" | "gcd" | "lcm"):
                result = self._from_fraction(self._exact(node))
            case Apply():
                result = self._apply(node)
            case Call():
                result = self._call(node)
            case _:
                raise UndecidedError("no number")
        self._note(result)
        return result

    def _from_fraction(self, value: Fraction) -> Any:
        return self.context.mpf(value.numerator) / value.denominator

    def _exact(self, node: Node) -> Fraction:
        return ExactEvaluator(self._variables, self._functions, self._salt).value(node)

    def _note(self, value: Any) -> None:
        self._work += self._operation_work
        self._budget.spend(self._operation_work * _MS_PER_WORK)
        if self._work > MAX_NUMERIC_WORK:
            raise LimitError("the numeric value takes too much work")
        magnitude = abs(value)
        if not self.context.isfinite(magnitude):
            raise UndecidedError("no finite value")
        if magnitude:
            bits = int(self.context.mag(magnitude))
            if abs(bits) > _MAX_EXPONENT_BITS:
                raise LimitError(f"a number has more than {_MAX_EXPONENT_BITS} bits")
            self.largest_bits = max(self.largest_bits, bits)
            self.smallest_bits = min(self.smallest_bits, bits)
            self.is_real &= not self.context.im(value)

    def _symbol(self, name: str) -> Any:
        if name in self._variables:
            return self._from_fraction(self._variables[name])
        match name:
            case "π":
                return +self.context.pi
            case "e":
                return +self.context.e
            case "i":
                return self.context.mpc(0, 1)
            case _:
                raise UndecidedError(f"{name} is no number")

    def _apply(self, node: Apply) -> Any:
        operation = self._operations.get(node.name)
        if operation is None:
            raise UndecidedError(f"{node.name} has no numeric value")
        arguments = [self._value(argument) for argument in node.arguments]
        if node.name in _MAX_ARGUMENT_BITS:
            self._check_argument(arguments[0], _MAX_ARGUMENT_BITS[node.name])
        if node.name in _GAMMA and self.context.dps > _MAX_GAMMA_DIGITS and not all(map(self.context.isint, arguments)):
            raise LimitError(f"a factorial of no whole number to more than {_MAX_GAMMA_DIGITS} digits")
        if node.name == "^":
            return self._power(*arguments)
        result = operation(*arguments)
        return self._without_noise(result, arguments) if node.name in _CANCELLING else result

    def _without_noise(self, value: Any, arguments: list[Any]) -> Any:
        """The value with what rounding left of a zero taken for zero: `√2·√3 − √6`, `sin π`."""
        noise = max(abs(argument) for argument in arguments) * self.context.ldexp(1, _NOISE_BITS - self.context.prec)
        real, imaginary = (
            self.context.mpf(0) if abs(part) < noise else part
            for part in (self.context.re(value), self.context.im(value))
        )
        return self.context.mpc(real, imaginary) if imaginary else real

    def _check_argument(self, value: Any, limit_bits: int) -> None:
        if value and self.context.mag(abs(value)) > limit_bits:
            raise LimitError(f"an argument has more than {limit_bits} bits")

    def _power(self, base: Any, exponent: Any) -> Any:
        if base and exponent:
            bits = abs(self.context.log(abs(base), 2)) * abs(exponent)
            if bits > _MAX_EXPONENT_BITS:
                raise LimitError(f"a power has more than {_MAX_EXPONENT_BITS} bits")
        return self.context.power(base, exponent)

    def _call(self, node: Call) -> Any:
        arguments = [self._value(argument) for argument in node.arguments]
        if node.name.endswith("_") or node.name in self._functions or len(arguments) != 1:
            written = [self.context.nstr(argument, _ARGUMENT_DIGITS) for argument in arguments]
            return self._from_fraction(unknown_value(node.name, written, self._salt))
        return self._symbol(node.name) * arguments[0]

    def _iterate(self, node: Apply) -> Any:
        body, index, first, last = node.arguments
        low, high = self._exact(first), self._exact(last)
        if low.denominator != 1 or high.denominator != 1 or not isinstance(index, Symbol):
            raise UndecidedError("the bounds of a sum are whole numbers")
        self._terms += max(0, int(high - low) + 1)
        if self._terms > MAX_SUM_TERMS:
            raise LimitError(f"a sum has more than {MAX_SUM_TERMS} terms")
        outer = self._variables.get(index.name)
        total = self.context.mpf(0 if node.name == "sum" else 1)
        for number in range(int(low), int(high) + 1):
            self._variables[index.name] = Fraction(number)
            term = self._value(body)
            total = total + term if node.name == "sum" else total * term
        self._variables.pop(index.name, None)
        if outer is not None:
            self._variables[index.name] = outer
        return total


def digits_for(largest_bits: int, smallest_bits: int) -> int:
    """How many digits show a difference as small as the smallest number beside the largest one, twice over.

    Raises:
        LimitError: more than the limit.
    """
    digits = BASE_DIGITS + 2 * round((largest_bits - smallest_bits) * 0.302)
    if digits > MAX_PRECISION_DIGITS:
        raise LimitError(f"the numbers lie more than {MAX_PRECISION_DIGITS} digits apart")
    return digits
