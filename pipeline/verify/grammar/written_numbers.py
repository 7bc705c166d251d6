"""The grammar of written numbers: `1 1/2`, `0.1\\overline{6}`, `1011_2`."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tracewright.pipeline.verify.failures import UnreadableError
from tracewright.pipeline.verify.grammar.cursor import Cursor
from tracewright.pipeline.verify.grammar.nodes import Apply, Node, Number
from tracewright.pipeline.verify.grammar.numerals import read_numeral
from tracewright.pipeline.verify.grammar.tokens import Kind, Token


class NumberParser(Cursor, ABC):
    """Reads one number. What stands in braces beside it is read by the subclass."""

    @abstractmethod
    def argument(self) -> Node:
        """The argument of a LaTeX command, or a subscript."""

    @abstractmethod
    def command(self) -> Node:
        """A LaTeX command with its arguments."""

    def number(self) -> Node:
        """A number with its base, its period or the fraction behind it."""
        number = read_number(self.advance())
        if self.at("_"):
            self.advance()
            return Apply("base", (number, self.argument()))
        if self.token.kind is Kind.COMMAND and self.token.text == "overline":
            return self._repeating(number)
        return self._mixed(number)

    def _repeating(self, number: Number) -> Node:
        """`0.1\\overline{6}`: the digits under the line go on for ever."""
        written = self._tokens[self._position - 1].text
        self.advance()
        self.expect("{")
        period = self.advance().text
        self.expect("}")
        if not (period.isdigit() and (number.decimals or written.endswith("."))):
            raise UnreadableError("a line over what is no decimal")
        tail = Number(read_number(Token(Kind.NUMBER, period)).value / (10 ** len(period) - 1) / 10**number.decimals)
        return Apply("+", (Number(number.value), tail))

    def _mixed(self, whole: Number) -> Node:
        """`1 1/2` and `1\\frac{1}{2}` are one and a half: a whole number before a proper fraction of whole numbers."""
        position = self._position
        fraction = self._proper_fraction() if not whole.decimals and whole.value else None
        if fraction is None:
            self._position = position
            return whole
        return Apply("+", (whole, fraction))

    def _proper_fraction(self) -> Node | None:
        if self.token.kind is Kind.COMMAND and self.token.text == "frac":
            fraction = self.command()
        elif self.token.kind is Kind.NUMBER and self.token.spaced and self.look().text == "/":
            above = read_number(self.advance())
            self.advance()
            if self.token.kind is not Kind.NUMBER:
                return None
            fraction = Apply("/", (above, read_number(self.advance())))
        else:
            return None
        return fraction if _is_proper(fraction) and not self.at("^", "!", "_") else None


def read_number(token: Token) -> Number:
    """The number that a token is; `0,5`, `1.234,5` and grouped thousands included."""
    numeral = read_numeral(token.text, decimal_comma=token.text.count(",") == 1)
    if token.kind is not Kind.NUMBER or numeral is None:
        raise UnreadableError(f"expected a number and found {token.text[:20]!r}")
    return Number(numeral.value, numeral.decimals, numeral.significant_digits)


def _is_proper(fraction: Node) -> bool:
    match fraction:
        case Apply("/", (Number() as above, Number() as below)):
            return not above.decimals and not below.decimals and 0 < above.value < below.value
        case _:
            return False
