"""The filter language: text in, tree out.

::

    filter      = conjunction { "or" conjunction }
    conjunction = condition { "and" condition }
    condition   = "not" condition | "(" filter ")" | column [ test ]
    test        = ( "==" | "!=" | ">" | ">=" | "<" | "<=" ) value
                | [ "not" ] "in" "[" value { "," value } "]"
                | [ "not" ] "between" value "and" value
                | "is" [ "not" ] "null"
    value       = number | text | "true" | "false"

A text stands in double or single quotes, with JSON's escapes; a time is a text in ISO 8601; a column of true or false
is a condition by itself. Keywords may be in capitals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tracewright.pipeline.filter.columns import Column, ColumnKind
from tracewright.pipeline.filter.literals import (
    Value,
    check_order,
    check_value,
    find_column,
    find_holder,
    read_number,
    read_string,
)
from tracewright.pipeline.filter.tokens import Token, TokenKind, point_at, tokenize
from tracewright.pipeline.filter.tree import (
    MAX_VALUES,
    And,
    Between,
    Comparison,
    Filter,
    IsNull,
    IsTrue,
    Not,
    OneOf,
    Operator,
    Or,
)
from tracewright.schemas.errors import InputError

MAX_NESTING = 50
"""Parentheses and `not`s around one condition."""

ResultT = TypeVar("ResultT")

_EXAMPLE = 'outcome == "correct" and confidence >= 0.8'


def parse_filter(text: str) -> Filter:
    """The filter that the text says.

    Raises:
        InputError: the text is no filter; the message shows the place and says what stands there, what was expected,
            and, for a column or a value, the nearest known one and the column's type.
    """
    if not text.strip():
        raise InputError(f"the filter is empty: write a condition such as {_EXAMPLE}")
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._place = 0
        self._nesting = 0

    def parse(self) -> Filter:
        tree = self._parse_filter()
        if self._next.kind is not TokenKind.END:
            raise self._unexpected("`and`, `or` or the end of the filter")
        return tree

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _take_if(self, *words: str) -> bool:
        """Take these keywords or marks if they all come next."""
        coming = self._tokens[self._place : self._place + len(words)]
        if any(token.kind not in (TokenKind.KEYWORD, TokenKind.MARK) for token in coming):
            return False
        if tuple(token.text for token in coming) != words:
            return False
        self._place += len(words)
        return True

    def _expect(self, word: str, expected: str) -> None:
        if not self._take_if(word):
            raise self._unexpected(expected)

    def _unexpected(self, expected: str) -> InputError:
        token = self._next
        found = "ends" if token.kind is TokenKind.END else f"has `{token.text}`"
        return point_at(self._text, token.position, f"the filter {found} where {expected} was expected")

    def _parse_filter(self) -> Filter:
        return self._parse_joined("or", lambda: self._parse_joined("and", self._parse_condition, And), Or)

    def _parse_joined(
        self, word: str, parse_part: Callable[[], Filter], join: Callable[[tuple[Filter, ...]], Filter]
    ) -> Filter:
        parts = [parse_part()]
        while self._take_if(word):
            parts.append(parse_part())
        return join(tuple(parts)) if len(parts) > 1 else parts[0]

    def _parse_condition(self) -> Filter:
        token = self._next
        if self._take_if("not"):
            return self._nest(token, lambda: Not(self._parse_condition()))
        if self._take_if("("):
            return self._nest(token, self._parse_group)
        if token.kind is not TokenKind.NAME:
            raise self._unexpected("a column, `not` or `(`")
        return self._parse_test(self._take())

    def _nest(self, token: Token, parse: Callable[[], Filter]) -> Filter:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise point_at(self._text, token.position, f"the filter is nested deeper than {MAX_NESTING} levels")
        tree = parse()
        self._nesting -= 1
        return tree

    def _parse_group(self) -> Filter:
        tree = self._parse_filter()
        self._expect(")", "`and`, `or` or `)`")
        return tree

    def _parse_test(self, name: Token) -> Filter:
        column = self._at(name, lambda: self._find_tested(name.text))
        if self._next.kind is TokenKind.OPERATOR:
            return self._parse_comparison(name)
        if self._take_if("is", "null"):
            return IsNull(name.text)
        if self._take_if("is", "not", "null"):
            return Not(IsNull(name.text))
        if self._take_if("is"):
            raise self._unexpected("`null` or `not null` (compare values with == and !=)")
        negated = self._take_if("not")
        if self._take_if("in"):
            tree: Filter = OneOf(name.text, self._parse_list(name))
        elif self._take_if("between"):
            tree = self._parse_between(name)
        elif negated or column.kind is not ColumnKind.BOOLEAN:
            raise self._unexpected("`in` or `between`" if negated else f"a test of `{column.name}` ({column.kind})")
        else:
            return IsTrue(name.text)
        return Not(tree) if negated else tree

    def _find_tested(self, name: str) -> Column:
        holder = find_holder(name) if self._next.kind is not TokenKind.OPERATOR else None
        if holder is not None:
            raise InputError(f'`{name}` is a value of `{holder.name}` ({holder.kind}): write {holder.name} == "{name}"')
        return find_column(name)

    def _parse_comparison(self, name: Token) -> Filter:
        operator = self._take()
        if operator.text not in (Operator.EQUAL, Operator.UNEQUAL):
            self._at(operator, lambda: check_order(find_column(name.text)))
        return Comparison(name.text, Operator(operator.text), self._parse_value(name))

    def _parse_between(self, name: Token) -> Filter:
        self._at(name, lambda: check_order(find_column(name.text)))
        low = self._parse_value(name)
        self._expect("and", "`and` with the upper bound")
        return Between(name.text, low, self._parse_value(name))

    def _parse_list(self, name: Token) -> tuple[Value, ...]:
        self._expect("[", "`[` with a list of values")
        values = [self._parse_value(name)]
        while not self._take_if("]"):
            self._expect(",", "`,` or `]`")
            values.append(self._parse_value(name))
            if len(values) > MAX_VALUES:
                raise point_at(self._text, name.position, f"the list has more than {MAX_VALUES:,} values")
        return tuple(values)

    def _parse_value(self, name: Token) -> Value:
        token = self._next
        column = find_column(name.text)
        value = self._at(token, lambda: self._read_value(column))
        self._at(token, lambda: check_value(column, value))
        return value

    def _read_value(self, column: Column) -> Value:
        token = self._take()
        if token.kind is TokenKind.STRING:
            return read_string(token.text)
        if token.kind is TokenKind.NUMBER:
            return read_number(token.text)
        if token.kind is TokenKind.KEYWORD and token.text in ("true", "false"):
            return token.text == "true"
        raise InputError(
            f"a value was expected here: a number, a text in quotes, true or false{_advise(token, column)}"
        )

    def _at(self, token: Token, step: Callable[[], ResultT]) -> ResultT:
        """Run a step; its error gets the token's place."""
        try:
            return step()
        except InputError as error:
            raise point_at(self._text, token.position, str(error)) from None


def _advise(token: Token, column: Column) -> str:
    """What to write in the place of a token that is no value."""
    if token.kind is TokenKind.NAME and column.kind is ColumnKind.TEXT:
        return f'; did you mean "{token.text}"?'
    return f"; write `{column.name} is null` where it is missing" if token.text == "null" else ""
