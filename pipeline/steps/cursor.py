"""A place in a list of tokens, for the parsers."""

from __future__ import annotations

from collections.abc import Sequence

from tracewright.pipeline.steps.lexer import Token

MAX_DEPTH = 60


class SyntaxLimitError(Exception):
    """The tokens are no expression of the grammar, or one beyond its limits."""


class Cursor:
    """Looks at tokens one after another and counts how deep the expression is nested."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0
        self._open_bars = 0

    def _peek(self, kind: str, text: str | None = None) -> bool:
        if self._position >= len(self._tokens):
            return False
        token = self._tokens[self._position]
        return token.kind == kind and (text is None or token.text == text)

    def _take(self) -> Token:
        """The next token.

        Raises:
            IndexError: there is none.
        """
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _expect(self, kind: str, *texts: str) -> None:
        if not any(self._peek(kind, text) for text in texts):
            raise SyntaxLimitError
        self._position += 1

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SyntaxLimitError

    def _ascend(self) -> None:
        self._depth -= 1
