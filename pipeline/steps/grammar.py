"""Tokens to expression trees: a whitelisted grammar of arithmetic in plain text and LaTeX, with limits on its size.

Precedence is that of mathematics: powers bind to the right, a leading minus is weaker than a power, an implicit product
(`2(3+4)`, `3x`) counts like `×`. Where people read a form in two ways (`1/2(4)`, `−3^2`, `3½` as LaTeX writes it, a
`!` that ends a sentence) both trees are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tracewright.pipeline.steps.lexer import (
    CLOSE,
    COMMAND,
    MARK,
    MONEY,
    NAME,
    NUMBER,
    OPEN,
    OPERATOR,
    PERCENT,
    WORDS,
    Token,
    read_number,
)
from tracewright.pipeline.steps.values import Number

MAX_EXPRESSION_TOKENS = 400
MAX_DEPTH = 40
MAX_BASE = 36
MAX_NAME_CHARACTERS = 40


class Literal(NamedTuple):
    """A number as it is written; `decimals` is −1 for an integer."""

    value: Number
    decimals: int


class Name(NamedTuple):
    """A variable, with its subscript: `x`, `a_1`."""

    text: str


class Operation(NamedTuple):
    """`+ − * / ^` of two trees, or a function (`negate`, `percent`, `!`, `sqrt`, `abs`, …) of its arguments."""

    operator: str
    arguments: tuple[Tree, ...]


Tree = Literal | Name | Operation


class _SyntaxLimitError(Exception):
    """The tokens are no expression of the grammar, or one beyond its limits."""


_FUNCTIONS = {
    "\\sin": "sin", "\\cos": "cos", "\\tan": "tan", "\\cot": "cot", "\\sec": "sec", "\\csc": "csc",
    "\\arcsin": "arcsin", "\\arccos": "arccos", "\\arctan": "arctan", "\\ln": "ln", "\\log": "log",
    "\\exp": "exp", "\\gcd": "gcd", "\\max": "max", "\\min": "min", "\\lcm": "lcm",
    "sqrt": "sqrt", "gcd": "gcd", "lcm": "lcm", "max": "max", "min": "min", "floor": "floor", "ceil": "ceil",
    "abs": "abs", "log": "log", "ln": "ln", "sin": "sin", "cos": "cos", "tan": "tan", "round": "round",
}  # fmt: skip
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_GREEK = {
    "\\alpha", "\\beta", "\\gamma", "\\delta", "\\epsilon", "\\varepsilon", "\\theta", "\\lambda", "\\mu", "\\phi",
    "\\varphi", "\\omega", "\\sigma", "\\tau", "\\rho", "\\psi", "\\eta", "\\kappa", "\\nu", "\\xi", "\\zeta",
    "\\Delta", "\\ell", "\\Gamma", "\\Omega", "\\Phi", "\\Theta",
}  # fmt: skip


def parse(tokens: Sequence[Token]) -> tuple[Tree, ...]:
    """The trees of an expression: one, two where it can be read in two ways, none where it is not an expression."""
    if not tokens or len(tokens) > MAX_EXPRESSION_TOKENS:
        return ()
    parser = _Parser(tokens, other_reading=False)
    first = parser.parse()
    if first is None:
        return ()
    if not parser.is_ambiguous:
        return (first,)
    second = _Parser(tokens, other_reading=True).parse()
    return (first,) if second is None or second == first else (first, second)


class _Parser:
    """Recursive descent over one list of tokens; `other_reading` takes the second reading of every ambiguous form."""

    def __init__(self, tokens: Sequence[Token], other_reading: bool) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0
        self._other = other_reading
        self.is_ambiguous = False

    def parse(self) -> Tree | None:
        try:
            tree = self._sum()
        except (_SyntaxLimitError, IndexError):
            return None
        return tree if self._position == len(self._tokens) else None

    def _peek(self, kind: str, text: str | None = None) -> bool:
        if self._position >= len(self._tokens):
            return False
        token = self._tokens[self._position]
        return token.kind == kind and (text is None or token.text == text)

    def _take(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _sum(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _SyntaxLimitError
        tree = self._product()
        while self._peek(OPERATOR) and self._tokens[self._position].text in "+-±":
            operator = self._take().text
            tree = Operation(operator, (tree, self._product()))
        self._depth -= 1
        return tree

    def _product(self) -> Tree:
        tree = self._signed()
        divided = False
        while self._position < len(self._tokens):
            token = self._tokens[self._position]
            if token.kind == OPERATOR and token.text in ("*", "/", "of"):
                self._position += 1
                tree = self._multiply(tree, token)
                divided = divided or token.text == "/"
            elif _starts_factor(token) and not (token.kind == NUMBER and not self._may_follow_number()):
                self.is_ambiguous = self.is_ambiguous or divided
                factor = self._power()
                tree = self._join(tree, factor, divided)
            else:
                break
        return tree

    def _multiply(self, tree: Tree, token: Token) -> Tree:
        if token.text == "of":
            return self._take_share(tree)
        if token.text == "/" and self._is_spaced_fraction(token):
            self.is_ambiguous = True
            if self._other:
                top, _, bottom = self._signed(), self._take(), self._signed()
                return Operation("/", (tree, Operation("/", (top, bottom))))
        return Operation(token.text, (tree, self._signed()))

    def _take_share(self, tree: Tree) -> Tree:
        """`1/3 of 150`: a product, or just the share where a sentence goes on about what it is a share of."""
        whole = self._signed()
        self.is_ambiguous = True
        return tree if self._other else Operation("*", (tree, whole))

    def _is_spaced_fraction(self, token: Token) -> bool:
        """`2 / 1/4`: the spaces show that the fraction is the divisor."""
        tail = self._tokens[self._position : self._position + 3]
        if len(tail) < 3 or tail[1].text != "/" or tail[0].kind != NUMBER or tail[2].kind != NUMBER:
            return False
        if tail[0].text == "1":
            # `14 / 1 / 4`: nobody divides by one.
            return True
        return tail[0].start > token.end and tail[0].end == tail[1].start and tail[1].end == tail[2].start

    def _join(self, tree: Tree, factor: Tree, divided: bool) -> Tree:
        """An implicit product; in the other reading it binds tighter than the division before it."""
        if divided and self._other and isinstance(tree, Operation) and tree.operator == "/":
            return Operation("/", (tree.arguments[0], Operation("*", (tree.arguments[1], factor))))
        return Operation("*", (tree, factor))

    def _may_follow_number(self) -> bool:
        """A number directly after a factor is a product only after a closing bracket, as in `(3)4`."""
        return self._tokens[self._position - 1].kind == CLOSE

    def _signed(self) -> Tree:
        if self._peek(OPERATOR) and self._tokens[self._position].text in "+-±":
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise _SyntaxLimitError
            sign = self._take().text
            tree = self._signed()
            self._depth -= 1
            if sign == "±":
                return Operation("±", (Literal(0, -1), tree))
            if sign == "+":
                return tree
            if isinstance(tree, Operation) and tree.operator == "^" and isinstance(tree.arguments[0], Literal):
                self.is_ambiguous = True
                if self._other:
                    base = Operation("negate", (tree.arguments[0],))
                    return Operation("^", (base, tree.arguments[1]))
            return Operation("negate", (tree,))
        return self._power()

    def _power(self) -> Tree:
        base = self._postfix(self._primary())
        if self._peek(OPERATOR, "^"):
            self._take()
            return self._postfix(self._raise(base))
        return base

    def _raise(self, base: Tree) -> Tree:
        if self._peek(COMMAND, "\\circ"):
            self._take()
            return Operation("degrees", (base,))
        if self._peek(OPEN, "{") and self._position + 2 < len(self._tokens):
            following = self._tokens[self._position + 1 : self._position + 3]
            if following[0].text == "\\circ" and following[1].kind == CLOSE:
                self._position += 3
                return Operation("degrees", (base,))
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _SyntaxLimitError
        exponent = self._signed()
        self._depth -= 1
        return Operation("^", (base, exponent))

    def _postfix(self, tree: Tree) -> Tree:
        while self._position < len(self._tokens):
            token = self._tokens[self._position]
            if token.kind == PERCENT:
                tree = Operation("percent", (tree,))
            elif token.kind == WORDS:
                tree = Operation("unit:" + token.text, (tree,))
            elif token.kind == MONEY:
                tree = Operation("unit:¢", (tree,)) if token.text == "¢" else tree
            elif token.kind == MARK and token.text == "!":
                self.is_ambiguous = True
                tree = tree if self._other and self._position == len(self._tokens) - 1 else Operation("!", (tree,))
            elif token.kind == MARK and token.text in "²³":
                tree = Operation("^", (tree, Literal(2 if token.text == "²" else 3, -1)))
            elif token.kind == MARK and token.text == "°":
                tree = Operation("degrees", (tree,))
            else:
                break
            self._position += 1
        return tree

    def _primary(self) -> Tree:
        token = self._take()
        if token.kind == NUMBER:
            return self._number(token)
        if token.kind == MONEY:
            return self._primary()
        if token.kind == OPEN:
            return self._group(token)
        if token.kind == NAME:
            return self._name(token.text)
        if token.kind == MARK and token.text == "|":
            return self._absolute()
        if token.kind == COMMAND or (token.kind == WORDS and token.text in _FUNCTIONS):
            return self._command(token)
        raise _SyntaxLimitError

    def _number(self, token: Token) -> Tree:
        read = read_number(token.text)
        if read is None:
            raise _SyntaxLimitError
        literal = Literal(*read)
        if self._peek(MARK, "_"):
            return self._in_base(token.text)
        if self._is_mixed_number(literal):
            return Operation("+", (literal, self._fraction_of_mixed()))
        if self._peek(COMMAND) and self._tokens[self._position].text in _FRACTIONS and literal.decimals < 0:
            self.is_ambiguous = True
            if not self._other:
                return Operation("+", (literal, self._command(self._take())))
        return literal

    def _in_base(self, digits: str) -> Tree:
        """`1011_2`: an integer with its base as subscript."""
        self._take()
        base = self._subscript()
        if not (base.isdecimal() and digits.isdecimal() and len(base) <= 2 and 2 <= int(base) <= MAX_BASE):
            raise _SyntaxLimitError
        if any(int(digit) >= int(base) for digit in digits):
            raise _SyntaxLimitError
        return Literal(int(digits, int(base)), -1)

    def _is_mixed_number(self, whole: Literal) -> bool:
        """`2 1/2`: an integer, then a proper fraction of two integers."""
        tail = self._tokens[self._position : self._position + 3]
        if whole.decimals >= 0 or [t.kind for t in tail] != [NUMBER, OPERATOR, NUMBER] or tail[1].text != "/":
            return False
        top, bottom = tail[0].text, tail[2].text
        return top.isdecimal() and bottom.isdecimal() and len(bottom) <= 3 and len(top) <= 3 and int(top) < int(bottom)

    def _fraction_of_mixed(self) -> Tree:
        top, _, bottom = (self._take() for _ in range(3))
        return Operation("/", (Literal(int(top.text), -1), Literal(int(bottom.text), -1)))

    def _group(self, token: Token) -> Tree:
        tree = self._sum()
        if not self._peek(CLOSE, _CLOSERS[token.text]):
            if token.text == "{" and self._peek(COMMAND) and self._tokens[self._position].text in _CHOOSE:
                self._take()
                tree = Operation("binomial", (tree, self._sum()))
            if not self._peek(CLOSE, _CLOSERS[token.text]):
                raise _SyntaxLimitError
        self._take()
        return tree

    def _absolute(self) -> Tree:
        tree = self._sum()
        if not self._peek(MARK, "|"):
            raise _SyntaxLimitError
        self._take()
        return Operation("abs", (tree,))

    def _name(self, text: str) -> Tree:
        if self._peek(MARK, "_"):
            self._take()
            text += "_" + self._subscript()
        while self._peek(MARK) and self._tokens[self._position].text in "'′":
            self._take()
            text += "'"
        if len(text) > MAX_NAME_CHARACTERS:
            raise _SyntaxLimitError
        if text.rstrip("'")[0] in _FUNCTION_LETTERS and self._is_called():
            return Operation("call:" + text, self._arguments(self._take()))
        return Name(text)

    def _is_called(self) -> bool:
        return self._peek(OPEN, "(") and self._tokens[self._position].start <= self._tokens[self._position - 1].end + 6

    def _subscript(self) -> str:
        if not self._peek(OPEN, "{"):
            return self._take().text
        self._take()
        parts: list[str] = []
        while not self._peek(CLOSE, "}"):
            if self._peek(OPEN, "{") or len(parts) > MAX_NAME_CHARACTERS:
                raise _SyntaxLimitError
            parts.append(self._take().text)
        self._take()
        return "".join(parts)

    def _command(self, token: Token) -> Tree:
        text = token.text
        if text in _FRACTIONS:
            top = self._argument()
            return Operation("/", (top, self._argument()))
        if text in ("\\binom", "\\dbinom", "\\tbinom"):
            top = self._argument()
            return Operation("binomial", (top, self._argument()))
        if text == "\\sqrt":
            return self._root()
        if text in ("\\boxed", "\\fbox", "\\overbrace", "\\underbrace"):
            return self._argument()
        if text in _DECORATIONS:
            return Name(text + self._decorated())
        if text == "\\pi":
            return Operation("pi", ())
        if text in _GREEK:
            return self._name(text)
        if text in ("\\lfloor", "\\lceil"):
            return self._rounding(text)
        if text in ("\\lvert", "\\vert"):
            return self._bars()
        if text in _FUNCTIONS:
            return self._function(_FUNCTIONS[text])
        raise _SyntaxLimitError

    def _decorated(self) -> str:
        """What stands under a bar, an arrow or an angle: letters and digits, as they are."""
        if self._peek(OPEN, "{"):
            self._take()
            parts: list[str] = []
            while not self._peek(CLOSE, "}"):
                if len(parts) > MAX_NAME_CHARACTERS or self._peek(OPEN):
                    raise _SyntaxLimitError
                parts.append(self._take().text)
            self._take()
            return " ".join(parts)
        token = self._take()
        if token.kind not in (NAME, NUMBER) and token.text not in _GREEK:
            raise _SyntaxLimitError
        return token.text

    def _argument(self) -> Tree:
        """What follows a command: a group, or one digit or letter (`\\frac12`)."""
        token = self._tokens[self._position]
        if token.kind == NUMBER and len(token.text) > 1 and token.text.isdecimal():
            return self._split_digit(token)
        return self._primary()

    def _split_digit(self, token: Token) -> Tree:
        rest = Token(NUMBER, token.text[1:], token.start + 1, token.end)
        before, after = self._tokens[: self._position], self._tokens[self._position + 1 :]
        self._tokens = [*before, rest, *after]
        return Literal(int(token.text[0]), -1)

    def _root(self) -> Tree:
        degree: Tree = Literal(2, -1)
        if self._peek(OPEN, "["):
            degree = self._group(self._take())
        return Operation("root", (self._argument(), degree))

    def _rounding(self, opening: str) -> Tree:
        closing, name = ("\\rfloor", "floor") if opening == "\\lfloor" else ("\\rceil", "ceil")
        tree = self._sum()
        if not self._peek(COMMAND, closing):
            raise _SyntaxLimitError
        self._take()
        return Operation(name, (tree,))

    def _bars(self) -> Tree:
        tree = self._sum()
        if not (self._peek(COMMAND, "\\rvert") or self._peek(COMMAND, "\\vert")):
            raise _SyntaxLimitError
        self._take()
        return Operation("abs", (tree,))

    def _function(self, name: str) -> Tree:
        base: tuple[Tree, ...] = ()
        if name == "log" and self._peek(MARK, "_"):
            self._take()
            base = (self._argument(),)
        exponent = self._function_exponent()
        if self._peek(OPEN, "(") or self._peek(OPEN, "{"):
            arguments = self._arguments(self._take())
        else:
            arguments = (self._power(),)
        tree: Tree = Operation(name, (*arguments, *base))
        return tree if exponent is None else Operation("^", (tree, exponent))

    def _function_exponent(self) -> Tree | None:
        if not self._peek(OPERATOR, "^"):
            return None
        self._take()
        exponent = self._argument()
        if not isinstance(exponent, Literal):
            raise _SyntaxLimitError
        return exponent

    def _arguments(self, opening: Token) -> tuple[Tree, ...]:
        arguments = [self._sum()]
        while self._position < len(self._tokens) and self._tokens[self._position].text == ",":
            self._take()
            arguments.append(self._sum())
        if not self._peek(CLOSE, _CLOSERS[opening.text]):
            raise _SyntaxLimitError
        self._take()
        return tuple(arguments)


_FUNCTION_LETTERS = set("fghpqFGHPQTSVNE")
"""Letters that are a function where a bracket follows them; with any other letter it is a product."""
_DECORATIONS = {
    "\\angle", "\\triangle", "\\overline", "\\overrightarrow", "\\vec", "\\bar", "\\hat", "\\tilde", "\\mathbf",
    "\\mathcal", "\\mathbb", "\\widehat", "\\underline", "\\measuredangle", "\\dot", "\\mathit",
}  # fmt: skip
_FRACTIONS = ("\\frac", "\\dfrac", "\\tfrac", "\\cfrac")
_CHOOSE = ("\\choose",)


def _starts_factor(token: Token) -> bool:
    if token.kind in (NUMBER, NAME, MONEY):
        return True
    if token.kind == OPEN:
        return True
    return token.kind == COMMAND and (
        token.text in _FUNCTIONS or token.text in _FRACTIONS or token.text in _GREEK or token.text in _FACTOR_COMMANDS
    )


_FACTOR_COMMANDS = _DECORATIONS | {
    "\\sqrt",
    "\\pi",
    "\\binom",
    "\\dbinom",
    "\\tbinom",
    "\\boxed",
    "\\lfloor",
    "\\lceil",
}
