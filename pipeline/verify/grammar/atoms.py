"""The grammar of the smallest values: letters, functions with their arguments, what stands in brackets."""

from __future__ import annotations

from abc import abstractmethod

from tracewright.pipeline.verify.failures import UnreadableError
from tracewright.pipeline.verify.grammar.nodes import Apply, Call, Group, Node, Number, Symbol
from tracewright.pipeline.verify.grammar.tokens import Kind, Token
from tracewright.pipeline.verify.grammar.vocabulary import INVERSES, PREFIX_FUNCTIONS
from tracewright.pipeline.verify.grammar.written_numbers import NumberParser, read_number

CURRENCIES = ("$", "€", "£", "¥", "₹", "¢")
_STARTS = frozenset({Kind.LETTER, Kind.CONSTANT, Kind.FUNCTION, Kind.NUMBER})
_OPENING_SIGNS = frozenset({"(", "{", "⌊", "⌈"})
_AFTER_CLOSING = frozenset({"∪", "∩", "∖", ",", ";", "and", "or", ")", "}", "\\}"})
_ENCLOSING = {"⌊": ("⌋", "floor"), "⌈": ("⌉", "ceil")}


class AtomParser(NumberParser):
    """Reads one number, letter, function or bracket. Sums and powers inside them are read by the subclass."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.currency = ""
        self._bars = 0
        self.integrals = 0

    @abstractmethod
    def bracketed(self) -> Node:
        """What stands from an opening bracket to its closing one."""

    @abstractmethod
    def sum(self) -> Node:
        """Terms with `+`, `−`, `±` and `∓` between them."""

    @abstractmethod
    def power(self) -> Node:
        """A factor with its exponent, if it has one."""

    def atom(self) -> Node:
        """A number, a letter, a function with its arguments, or what stands between brackets."""
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                return self.number()
            case Kind.LETTER:
                return self._letter()
            case Kind.CONSTANT:
                self.advance()
                return Symbol(token.text)
            case Kind.FUNCTION:
                return self._function()
            case Kind.COMMAND:
                return self.command()
            case _:
                return self._sign_atom()

    def _sign_atom(self) -> Node:
        if self.accept(*CURRENCIES) is not None:
            self.currency = self._tokens[self._position - 1].text
            negative = self.signs()
            value = self.power()
            return Apply("neg", (value,)) if negative else value
        if self.at("|"):
            return self._absolute_value()
        opening = self.accept(*_ENCLOSING)
        if opening is not None:
            closing, name = _ENCLOSING[opening]
            inner = self.sum()
            self.expect(closing)
            return Apply(name, (inner,))
        return self.bracketed()

    def _absolute_value(self) -> Node:
        self.expect("|")
        self._bars += 1
        inner = self.sum()
        self._bars -= 1
        self.expect("|")
        return Apply("abs", (inner,))

    def _letter(self) -> Node:
        name = self.advance().text + self._primes()
        subscript = self._subscript()
        if isinstance(subscript, str):
            name += subscript
        elif subscript is not None:
            return Call(f"{name}_", (subscript,))
        if self.at("(") and not self.token.spaced:
            return self._call(name)
        return Symbol(name)

    def _primes(self) -> str:
        primes = ""
        while self.accept("'"):
            primes += "'"
        return primes

    def _subscript(self) -> Node | str | None:
        """A subscript in words is a part of the name, any other one is an argument."""
        if not self.accept("_"):
            return None
        if self.at("{") and self.look().kind is Kind.WORD and self.look(2).text == "}":
            self.advance()
            word = self.advance().text
            self.advance()
            return f"_{word}"
        return self.argument()

    def _call(self, name: str) -> Node:
        inner = self.bracketed()
        if isinstance(inner, Group):
            return Call(name, inner.items)
        return Call(name, (inner,))

    def _function(self) -> Node:
        name = self.advance().text
        base: Node | None = None
        exponent: Node | None = None
        while self.at("_", "^"):
            if self.accept("_"):
                base = self.argument()
            else:
                self.advance()
                exponent = self._exponent_argument()
        if exponent is not None and name in INVERSES and _is_minus_one(exponent):
            name, exponent = INVERSES[name], None
        arguments = self._arguments(name)
        value: Node = Apply(name, arguments if base is None else (*arguments, base))
        return value if exponent is None else Apply("^", (value, exponent))

    def _exponent_argument(self) -> Node:
        if self.accept("-"):
            return Apply("neg", (self.argument(),))
        return self.argument()

    def _arguments(self, name: str) -> tuple[Node, ...]:
        with self.nested():
            if self.at("(", "{", "[", "\\{"):
                inner = self.bracketed()
                return inner.items if isinstance(inner, Group) else (inner,)
            if name not in PREFIX_FUNCTIONS:
                raise UnreadableError(f"{name} without arguments")
            return (self._bare_argument(),)

    def _bare_argument(self) -> Node:
        """`sin 2x cos y` is sin(2x)·cos(y)."""
        negative = self.signs()
        factors = [self.power()]
        while self.token.kind is not Kind.FUNCTION and not self.at("(", "[", "|") and self.is_factor_ahead():
            factors.append(self.power())
        product = multiply(factors)
        return Apply("neg", (product,)) if negative else product

    def argument(self) -> Node:
        """The argument of a LaTeX command: a group in braces, one digit, or one letter or command."""
        with self.nested():
            if self.token.kind is Kind.NUMBER:
                if len(self.token.text) > 1 and self.token.text.isdigit():
                    self.split_number(1)
                return read_number(self.advance())
            if self.token.kind is Kind.LETTER:
                return Symbol(self.advance().text)
            return self.atom()

    def signs(self) -> bool:
        """Take signs; whether they make what follows negative."""
        negative = False
        while sign := self.accept("-", "+"):
            negative ^= sign == "-"
        return negative

    def is_factor_ahead(self) -> bool:
        """Whether a factor stands side by side with what was read."""
        token = self.token
        if token.kind is Kind.LETTER and token.text == "d" and self.integrals:
            return self.look().kind is not Kind.LETTER
        if token.kind is Kind.COMMAND:
            return token.text not in ("end", "pmod")
        if token.kind is Kind.SIGN:
            if token.text == "[":
                # In `[0, 1[` it closes.
                return self.look().kind is not Kind.END and self.look().text not in _AFTER_CLOSING
            if token.text == "(" and self.look().text == "mod":
                return False
            return token.text in _OPENING_SIGNS or (token.text == "|" and not self._bars)
        return token.kind in _STARTS


def multiply(factors: list[Node]) -> Node:
    """The product of one or more factors."""
    return factors[0] if len(factors) == 1 else Apply("*", tuple(factors))


def _is_minus_one(node: Node) -> bool:
    match node:
        case Apply("neg", (Number() as one,)):
            return one.value == 1
        case _:
            return False
