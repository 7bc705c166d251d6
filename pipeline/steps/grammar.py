"""Tokens to expression trees: a whitelisted grammar of arithmetic in plain text and LaTeX, with limits on its size.

Precedence is that of mathematics: powers bind to the right, a leading minus is weaker than a power, an implicit product
(`2(3+4)`, `3x`) counts like `×`. Where people read a form in two ways (`1/2(4)`, `−3^2`, `3½` as LaTeX writes it, a
`!` that ends a sentence) both trees are made.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracewright.pipeline.steps.commands import CLOSERS, FRACTIONS, FUNCTIONS, CommandReader, starts_factor
from tracewright.pipeline.steps.cursor import SyntaxLimitError
from tracewright.pipeline.steps.lexer import (
    BREAK,
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
from tracewright.pipeline.steps.trees import POINT, Literal, Operation, Tree

MAX_EXPRESSION_TOKENS = 400
MAX_BASE = 36


def parse(tokens: Sequence[Token]) -> tuple[Tree, ...]:
    """The trees of an expression: one, more where it can be read in several ways, none where it is no expression."""
    if not tokens or len(tokens) > MAX_EXPRESSION_TOKENS:
        return ()
    parser = _Parser(tokens, other_reading=False)
    first = parser.parse()
    if first is None:
        return ()
    if not parser.is_ambiguous:
        return (first,)
    others = [_Parser(tokens, other_reading=True).parse()]
    if tokens[-1].text == "!":
        others.append(_Parser(tokens, other_reading=True, ends_sentence=False).parse())
    return tuple(dict.fromkeys(tree for tree in (first, *others) if tree is not None))


class _Parser(CommandReader):
    """Recursive descent over one list of tokens; `other_reading` takes the second reading of every ambiguous form."""

    def __init__(self, tokens: Sequence[Token], other_reading: bool, *, ends_sentence: bool = True) -> None:
        super().__init__(tokens)
        self._other = other_reading
        self._drops_mark = other_reading and ends_sentence
        self.is_ambiguous = False

    def parse(self) -> Tree | None:
        try:
            tree = self._sum()
        except (SyntaxLimitError, IndexError):
            return None
        return tree if self._position == len(self._tokens) else None

    def _sum(self) -> Tree:
        self._descend()
        tree = self._product()
        while self._peek(OPERATOR) and self._tokens[self._position].text in "+-±":
            operator = self._take().text
            tree = Operation(operator, (tree, self._product()))
        self._ascend()
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
            elif starts_factor(token) and not (token.kind == NUMBER and not self._may_follow_number()):
                self.is_ambiguous = self.is_ambiguous or divided
                factor = self._power()
                tree = self._join(tree, factor, divided)
            elif self._opens_bars(token):
                tree = Operation("*", (tree, self._power()))
            else:
                break
        return tree

    def _opens_bars(self, token: Token) -> bool:
        """`\\frac12 |4 - 10|`: behind a factor a bar opens where none is open."""
        return token.kind == MARK and token.text == "|" and not self._open_bars

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
        """A number directly after a factor is a product only after a bracket or a factorial: `(3)4`, `4!\\,2!`.

        After `! ` a new sentence may begin.
        """
        previous = self._tokens[self._position - 1]
        is_factorial = previous.text == "!" and self._tokens[self._position].start != previous.end + 1
        return previous.kind == CLOSE or is_factorial

    def _signed(self) -> Tree:
        if self._peek(OPERATOR) and self._tokens[self._position].text in "+-±":
            self._descend()
            sign = self._take().text
            tree = self._signed()
            self._ascend()
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
        self._descend()
        exponent = self._signed()
        self._ascend()
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
                is_mark = self._drops_mark and self._position == len(self._tokens) - 1
                tree = tree if is_mark else Operation("!", (tree,))
            elif token.kind == MARK and token.text in "²³":
                tree = Operation("^", (tree, Literal(2 if token.text == "²" else 3, -1)))
            elif token.kind == MARK and token.text == "°":
                tree = Operation("degrees", (tree,))
            else:
                break
            self._position += 1
        return tree

    def _primary(self) -> Tree:
        self._descend()
        tree = self._read_primary(self._take())
        self._ascend()
        return tree

    def _read_primary(self, token: Token) -> Tree:
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
        if token.kind == COMMAND or (token.kind == WORDS and token.text in FUNCTIONS):
            return self._command(token)
        raise SyntaxLimitError

    def _number(self, token: Token) -> Tree:
        read = read_number(token.text)
        if read is None:
            raise SyntaxLimitError
        literal = Literal(*read)
        if self._peek(MARK, "_"):
            return self._in_base(token.text)
        if self._is_mixed_number(literal):
            return Operation("+", (literal, self._fraction_of_mixed()))
        if self._peek(COMMAND) and self._tokens[self._position].text in FRACTIONS and literal.decimals < 0:
            self.is_ambiguous = True
            if not self._other:
                return Operation("+", (literal, self._command(self._take())))
        return literal

    def _in_base(self, digits: str) -> Tree:
        """`1011_2`: an integer with its base as subscript."""
        self._take()
        base = self._subscript()
        if not (base.isdecimal() and digits.isdecimal() and len(base) <= 2 and 2 <= int(base) <= MAX_BASE):
            raise SyntaxLimitError
        if any(int(digit) >= int(base) for digit in digits):
            raise SyntaxLimitError
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

    def _point(self, first: Tree) -> Tree:
        """`(3, 4)`: coordinates, or whatever else is written so."""
        parts = [first]
        while self._peek(BREAK, ","):
            self._take()
            parts.append(self._sum())
        return Operation(POINT, tuple(parts))

    def _group(self, token: Token) -> Tree:
        tree = self._sum()
        if token.text == "{" and self._peek(COMMAND, "\\choose"):
            self._take()
            tree = Operation("binomial", (tree, self._sum()))
        elif token.text == "(" and self._peek(BREAK, ","):
            tree = self._point(tree)
        self._expect(CLOSE, CLOSERS[token.text])
        return tree
