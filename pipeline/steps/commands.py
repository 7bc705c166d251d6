"""What LaTeX commands, function calls and decorated names stand for."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tracewright.pipeline.steps.cursor import Cursor, SyntaxLimitError
from tracewright.pipeline.steps.lexer import BREAK, CLOSE, COMMAND, MARK, MONEY, NAME, NUMBER, OPEN, OPERATOR, Token
from tracewright.pipeline.steps.trees import Literal, Name, Operation, Tree

MAX_NAME_CHARACTERS = 40
FUNCTIONS = {
    "\\sin": "sin", "\\cos": "cos", "\\tan": "tan", "\\cot": "cot", "\\sec": "sec", "\\csc": "csc",
    "\\arcsin": "arcsin", "\\arccos": "arccos", "\\arctan": "arctan", "\\ln": "ln", "\\log": "log",
    "\\exp": "exp", "\\gcd": "gcd", "\\max": "max", "\\min": "min", "\\lcm": "lcm",
    "sqrt": "sqrt", "gcd": "gcd", "lcm": "lcm", "max": "max", "min": "min", "floor": "floor", "ceil": "ceil",
    "abs": "abs", "log": "log", "ln": "ln", "sin": "sin", "cos": "cos", "tan": "tan", "round": "round",
}  # fmt: skip
_GREEK = {
    "\\alpha", "\\beta", "\\gamma", "\\delta", "\\epsilon", "\\varepsilon", "\\theta", "\\lambda", "\\mu", "\\phi",
    "\\varphi", "\\omega", "\\sigma", "\\tau", "\\rho", "\\psi", "\\eta", "\\kappa", "\\nu", "\\xi", "\\zeta",
    "\\Delta", "\\ell", "\\Gamma", "\\Omega", "\\Phi", "\\Theta",
}  # fmt: skip
_OF_SEVERAL = {"gcd", "lcm", "max", "min"}
CLOSERS = {"(": ")", "[": "]", "{": "}"}
_FUNCTION_LETTERS = set("fghpqFGHPQTSVNE")
"""Letters that are a function where a bracket follows them; with any other letter it is a product."""
_DECORATIONS = {
    "\\angle", "\\triangle", "\\overline", "\\overrightarrow", "\\vec", "\\bar", "\\hat", "\\tilde", "\\mathbf",
    "\\mathcal", "\\mathbb", "\\widehat", "\\underline", "\\measuredangle", "\\dot", "\\mathit",
}  # fmt: skip
FRACTIONS = ("\\frac", "\\dfrac", "\\tfrac", "\\cfrac")
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


def starts_factor(token: Token) -> bool:
    """Whether a token can begin a factor of an implicit product."""
    if token.kind in (NUMBER, NAME, MONEY):
        return True
    if token.kind == OPEN:
        return True
    return token.kind == COMMAND and (
        token.text in FUNCTIONS or token.text in FRACTIONS or token.text in _GREEK or token.text in _FACTOR_COMMANDS
    )


class CommandReader(Cursor, ABC):
    """The part of the parser that reads names and commands; sums and powers are read by the other part."""

    @abstractmethod
    def _sum(self) -> Tree: ...

    @abstractmethod
    def _power(self) -> Tree: ...

    @abstractmethod
    def _primary(self) -> Tree: ...

    @abstractmethod
    def _group(self, token: Token) -> Tree: ...

    def _absolute(self) -> Tree:
        self._open_bars += 1
        tree = self._sum()
        self._open_bars -= 1
        self._expect(MARK, "|")
        return Operation("abs", (tree,))

    def _name(self, text: str) -> Tree:
        if self._peek(MARK, "_"):
            self._take()
            text += "_" + self._subscript()
        while self._peek(MARK) and self._tokens[self._position].text in "'′":
            self._take()
            text += "'"
        if len(text) > MAX_NAME_CHARACTERS:
            raise SyntaxLimitError
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
                raise SyntaxLimitError
            parts.append(self._take().text)
        self._take()
        return "".join(parts)

    def _command(self, token: Token) -> Tree:
        text = token.text
        if text in FRACTIONS:
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
        if text in FUNCTIONS:
            return self._function(FUNCTIONS[text])
        raise SyntaxLimitError

    def _decorated(self) -> str:
        """What stands under a bar, an arrow or an angle: letters and digits, as they are."""
        if self._peek(OPEN, "{"):
            self._take()
            parts: list[str] = []
            while not self._peek(CLOSE, "}"):
                if len(parts) > MAX_NAME_CHARACTERS or self._peek(OPEN):
                    raise SyntaxLimitError
                parts.append(self._take().text)
            self._take()
            return " ".join(parts)
        token = self._take()
        if token.kind not in (NAME, NUMBER) and token.text not in _GREEK:
            raise SyntaxLimitError
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
        self._expect(COMMAND, closing)
        return Operation(name, (tree,))

    def _bars(self) -> Tree:
        tree = self._sum()
        self._expect(COMMAND, "\\rvert", "\\vert")
        return Operation("abs", (tree,))

    def _function(self, name: str) -> Tree:
        base: tuple[Tree, ...] = ()
        if name == "log" and self._peek(MARK, "_"):
            self._take()
            base = (self._argument(),)
        exponent = self._function_exponent()
        if self._peek(OPEN, "(") or self._peek(OPEN, "{"):
            opening = self._take()
            if name in _OF_SEVERAL:
                self._split_arguments()
            arguments = self._arguments(opening)
        else:
            arguments = (self._power(),)
        tree: Tree = Operation(name, (*arguments, *base))
        return tree if exponent is None else Operation("^", (tree, exponent))

    def _split_arguments(self) -> None:
        """`gcd(175,119)`: what is of several numbers has no number with a comma where no other comma stands."""
        start = self._position
        close = next((place for place in range(start, len(self._tokens)) if self._tokens[place].kind == CLOSE), start)
        inner = self._tokens[start:close]
        written = [place for place, token in enumerate(inner) if token.kind == NUMBER and "," in token.text]
        if any(token.text == "," for token in inner) or not written:
            return
        first, comma, second = inner[written[0]].text.partition(",")
        if len(written) > 1 or not (first.isdecimal() and second.isdecimal()):
            raise SyntaxLimitError
        middle = inner[written[0]].start + len(first)
        parts = [
            Token(NUMBER, first, middle - len(first), middle),
            Token(BREAK, comma, middle, middle + 1),
            Token(NUMBER, second, middle + 1, middle + 1 + len(second)),
        ]
        place = start + written[0]
        self._tokens = [*self._tokens[:place], *parts, *self._tokens[place + 1 :]]

    def _function_exponent(self) -> Tree | None:
        if not self._peek(OPERATOR, "^"):
            return None
        self._take()
        exponent = self._argument()
        if not isinstance(exponent, Literal):
            raise SyntaxLimitError
        return exponent

    def _arguments(self, opening: Token) -> tuple[Tree, ...]:
        arguments = [self._sum()]
        while self._position < len(self._tokens) and self._tokens[self._position].text == ",":
            self._take()
            arguments.append(self._sum())
        self._expect(CLOSE, CLOSERS[opening.text])
        return tuple(arguments)
