"""The grammar of values: sums, products, quotients and powers."""

from __future__ import annotations

from tracewright.pipeline.verify.failures import LimitError
from tracewright.pipeline.verify.grammar.atoms import CURRENCIES, AtomParser, multiply
from tracewright.pipeline.verify.grammar.nodes import Apply, Node, Number, Symbol
from tracewright.pipeline.verify.grammar.tokens import Kind, Token

_MAX_CHOICES = 4
_MAX_POSTFIX_SIGNS = 10


class ExpressionParser(AtomParser):
    """Reads one value."""

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
        negative = self.signs()
        if sign := self.accept("±", "∓"):
            with self.nested():
                return Apply(sign, (self.term(),))
        product = self._product()
        return Apply("neg", (product,)) if negative else product

    def _product(self) -> Node:
        """A quotient of products: `a/b·c` is `(a·c)/b`, however many factors there are."""
        above: list[Node] = [self.power()]
        below: list[Node] = []
        while True:
            if self.accept("*"):
                above.append(self._signed_power())
            elif self.at("/") and self.look().kind is not Kind.WORD:
                self.advance()
                below.append(self._signed_power())
            elif self.accept("mod"):
                with self.nested():
                    return Apply("mod", (_quotient(above, below), self._product()))
            elif self.is_factor_ahead() and not self._are_two_numbers((below or above)[-1]):
                above.append(self.power())
            else:
                return _quotient(above, below)

    def _signed_power(self) -> Node:
        negative = self.signs()
        power = self.power()
        return Apply("neg", (power,)) if negative else power

    def _are_two_numbers(self, before: Node) -> bool:
        """`2 3` is no product, `2^6 3^5` is one."""
        return self.token.kind is Kind.NUMBER and isinstance(before, Number)

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
        negative = self.signs()
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
            elif sign == "!":
                # `5!!` is 5·3·1; the factorial of 5! is written `(5!)!`.
                node = Apply("double_factorial" if self.accept("!") else "factorial", (node,))
            else:
                node = Apply(sign, (node,))
        return node


def _quotient(above: list[Node], below: list[Node]) -> Node:
    return Apply("/", (multiply(above), multiply(below))) if below else multiply(above)


def _add(terms: list[Node]) -> Node:
    return terms[0] if len(terms) == 1 else Apply("+", tuple(terms))
