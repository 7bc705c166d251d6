"""A place in a list of tokens, with the limit on nesting."""

from __future__ import annotations

from tracewright.pipeline.verify.failures import LimitError, UnreadableError
from tracewright.pipeline.verify.grammar.tokens import Kind, Token
from tracewright.pipeline.verify.limits import MAX_NESTING


class Cursor:
    """Reads tokens one by one."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0
        self._nesting = _Nesting(self)

    @property
    def token(self) -> Token:
        """The next token; the last one is the end."""
        return self._tokens[self._position]

    def look(self, ahead: int = 1) -> Token:
        """A token after the next one."""
        return self._tokens[min(self._position + ahead, len(self._tokens) - 1)]

    def advance(self) -> Token:
        """Take the next token."""
        token = self.token
        if token.kind is not Kind.END:
            self._position += 1
        return token

    def at(self, *signs: str) -> bool:
        """Whether the next token is one of these signs."""
        token = self._tokens[self._position]
        return token.kind is Kind.SIGN and token.text in signs

    def accept(self, *signs: str) -> str | None:
        """Take the next token if it is one of these signs."""
        # Every level of the grammar asks this of every token: without calls of its own it takes half as long.
        token = self._tokens[self._position]
        if token.kind is not Kind.SIGN or token.text not in signs:
            return None
        self._position += 1
        return token.text

    def expect(self, *signs: str) -> str:
        """Take the next token, which must be one of these signs."""
        sign = self.accept(*signs)
        if sign is None:
            raise UnreadableError(f"expected {' or '.join(signs)} and found {self.token.text or 'the end'!r}")
        return sign

    def split_number(self, digits: int) -> None:
        """Cut the next token, a number, after so many characters: `\\frac12` has the arguments 1 and 2."""
        token = self.token
        self._tokens[self._position : self._position + 1] = [
            Token(Kind.NUMBER, token.text[:digits], token.spaced),
            Token(Kind.NUMBER, token.text[digits:]),
        ]

    def nested(self) -> _Nesting:
        """One level deeper for a `with` block, up to the limit."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise LimitError(f"the answer is nested more than {MAX_NESTING} levels deep")
        return self._nesting


class _Nesting:
    """Every factor is a level: a generator for each would take as long as reading it."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._cursor._depth -= 1
