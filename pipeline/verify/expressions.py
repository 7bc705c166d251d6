"""The grammar of values: sums, products, powers, roots, functions, sums over an index."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tracewright.pipeline.verify.cursor import Cursor
from tracewright.pipeline.verify.failures import LimitError, UnreadableError
from tracewright.pipeline.verify.nodes import Apply, Call, Group, Node, Number, Symbol
from tracewright.pipeline.verify.numerals import read_numeral
from tracewright.pipeline.verify.tokens import Kind, Token
from tracewright.pipeline.verify.vocabulary import INVERSES, PREFIX_FUNCTIONS

CURRENCIES = ("$", "€", "£", "¥", "₹", "¢")
_STARTS = frozenset({Kind.LETTER, Kind.CONSTANT, Kind.FUNCTION, Kind.NUMBER})
_OPENING_SIGNS = frozenset({"(", "{", "⌊", "⌈"})
_AFTER_CLOSING = frozenset({"∪", "∩", "∖", ",", ";", "and", "or", ")", "}", "\\}"})
_MAX_CHOICES = 4
_MAX_POSTFIX_SIGNS = 10
ENCLOSING = {"⌊": ("⌋", "floor"), "⌈": ("⌉", "ceil")}


class ExpressionParser(Cursor, ABC):
    """Reads one value. What stands between brackets is read by the subclass."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.currency = ""
        self._bars = 0
        self.integrals = 0

    @abstractmethod
    def bracketed(self) -> Node:
        """What stands from an opening bracket to its closing one."""

    @abstractmethod
    def command(self) -> Node:
        """A LaTeX command with its arguments."""

    def sum(self) -> Node:
        """Terms with `+`, `−`, `±` and `∓` between them."""
        terms: list[Node] = [self.term()]
        choices = 0
        while sign := self.accept("+", "-", "±", "∓"):
            term = self.term()
            if sign in "±∓":
                choices += 1
                terms = [Apply(sign, (_add(terms), term))]
            else:
                terms.append(term if sign == "+" else Apply("neg", (term,)))
        if choices > _MAX_CHOICES:
            raise LimitError(f"a sum has more than {_MAX_CHOICES} signs ±")
        return _add(terms)

    def term(self) -> Node:
        """Factors with `·` and `/` between them, or side by side."""
        negative = self._signs()
        if sign := self.accept("±", "∓"):
            with self.nested():
                return Apply(sign, (self.term(),))
        product = self._product()
        return Apply("neg", (product,)) if negative else product

    def _signs(self) -> bool:
        """Take signs; whether they make what follows negative."""
        negative = False
        while sign := self.accept("-", "+"):
            negative ^= sign == "-"
        return negative

    def _product(self) -> Node:
        """A quotient of products: `a/b·c` is `(a·c)/b`, however many factors there are."""
        above: list[Node] = [self.power()]
        below: list[Node] = []
        while True:
            if self.accept("*"):
                above.append(self._signed_power())
            elif self.accept("/"):
                below.append(self._signed_power())
            elif self.accept("mod"):
                with self.nested():
                    return Apply("mod", (_quotient(above, below), self._product()))
            elif self._is_factor_ahead() and not self._are_two_numbers((below or above)[-1]):
                above.append(self.power())
            else:
                return _quotient(above, below)

    def _signed_power(self) -> Node:
        negative = self._signs()
        power = self.power()
        return Apply("neg", (power,)) if negative else power

    def _are_two_numbers(self, before: Node) -> bool:
        """`2 3` is no product, `2^6 3^5` is one."""
        return self.token.kind is Kind.NUMBER and isinstance(before, Number)

    def _is_factor_ahead(self) -> bool:
        token = self.token
        if token.kind is Kind.LETTER and token.text == "d" and self.integrals:
            return self.look().kind is not Kind.LETTER
        if token.kind is Kind.COMMAND:
            return token.text != "end"
        if token.kind is Kind.SIGN:
            if token.text == "[":
                # In `[0, 1[` it closes.
                return self.look().kind is not Kind.END and self.look().text not in _AFTER_CLOSING
            return token.text in _OPENING_SIGNS or (token.text == "|" and not self._bars)
        return token.kind in _STARTS

    def power(self) -> Node:
        """A factor with its exponent, if it has one."""
        with self.nested():
            base = self.postfix()
            if not self.accept("^"):
                return base
            if self._accept_circle():
                return self._postfix_signs(base, "°")
            exponent = self._exponent()
            result = Apply("^", (base, exponent))
            return self._postfix_signs(result)

    def _exponent(self) -> Node:
        """`e^x(x-1)` is a product: a letter in an exponent is no function."""
        negative = self._signs()
        with self.nested():
            if self.token.kind is Kind.LETTER:
                exponent: Node = Symbol(self.advance().text)
                if self.accept("^"):
                    exponent = Apply("^", (exponent, self._exponent()))
            else:
                exponent = self.power()
        return Apply("neg", (exponent,)) if negative else exponent

    def _accept_circle(self) -> bool:
        if self.at("°"):
            self.advance()
            return True
        if self.at("{") and self.look().text == "°" and self.look(2).text == "}":
            for _ in range(3):
                self.advance()
            return True
        return False

    def postfix(self) -> Node:
        """An atom with what follows it: `!`, `%`, `°`."""
        return self._postfix_signs(self.atom())

    def _postfix_signs(self, node: Node, taken: str | None = None) -> Node:
        count = 0
        while sign := taken or self.accept("!", "%", "°", *CURRENCIES):
            taken = None
            count += 1
            if count > _MAX_POSTFIX_SIGNS:
                raise LimitError(f"more than {_MAX_POSTFIX_SIGNS} signs behind one value")
            if sign in CURRENCIES:
                self.currency = sign
            elif sign == "°" and self.token.kind is Kind.LETTER and self.token.text in ("C", "F"):
                self._tokens[self._position] = Token(Kind.WORD, f"°{self.token.text}")
            else:
                node = Apply({"!": "factorial"}.get(sign, sign), (node,))
        return node

    def atom(self) -> Node:
        """A number, a letter, a function with its arguments, or what stands between brackets."""
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                return self._number()
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
            return self._signed_power()
        if self.at("|"):
            return self._absolute_value()
        opening = self.accept(*ENCLOSING)
        if opening is not None:
            closing, name = ENCLOSING[opening]
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

    def _number(self) -> Node:
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
        negative = self._signs()
        factors = [self.power()]
        while self.token.kind is not Kind.FUNCTION and not self.at("(", "[", "|") and self._is_factor_ahead():
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


def read_number(token: Token) -> Number:
    """The number that a token is; `0,5`, `1.234,5` and grouped thousands included."""
    numeral = read_numeral(token.text, decimal_comma=token.text.count(",") == 1)
    if token.kind is not Kind.NUMBER or numeral is None:
        raise UnreadableError(f"expected a number and found {token.text[:20]!r}")
    return Number(numeral.value, numeral.decimals, numeral.significant_digits)


def multiply(factors: list[Node]) -> Node:
    """The product of one or more factors."""
    return factors[0] if len(factors) == 1 else Apply("*", tuple(factors))


def _quotient(above: list[Node], below: list[Node]) -> Node:
    return Apply("/", (multiply(above), multiply(below))) if below else multiply(above)


def _add(terms: list[Node]) -> Node:
    return terms[0] if len(terms) == 1 else Apply("+", tuple(terms))


def _is_minus_one(node: Node) -> bool:
    match node:
        case Apply("neg", (Number() as one,)):
            return one.value == 1
        case _:
            return False


def _is_proper(fraction: Node) -> bool:
    match fraction:
        case Apply("/", (Number() as above, Number() as below)):
            return not above.decimals and not below.decimals and 0 < above.value < below.value
        case _:
            return False
