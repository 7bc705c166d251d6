"""Exact evaluation in rational numbers, with a bound on the work it does."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction

from tracewright.pipeline.verify.evaluation.budget import current_budget
from tracewright.pipeline.verify.evaluation.rational import OPERATIONS
from tracewright.pipeline.verify.failures import LimitError, UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Apply, Call, Node, Number, Symbol
from tracewright.pipeline.verify.limits import MAX_NUMBER_BITS, MAX_SUM_TERMS, MAX_WORK

_WORD_BITS = 30
_MS_PER_WORK = 30 / MAX_WORK
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
        self._budget = current_budget()

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
        operation = OPERATIONS.get(node.name)
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
        work = words * words + _OPERATION_WORK
        self._work += work
        self._budget.spend(work * _MS_PER_WORK)
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
