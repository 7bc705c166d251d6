"""The grammar of answers: values and words, relations between them, brackets around them and lists of them."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.failures import LimitError, UnreadableError
from tracewright.pipeline.verify.grammar.commands import CommandParser
from tracewright.pipeline.verify.grammar.lexer import tokenize
from tracewright.pipeline.verify.grammar.nodes import Apply, Group, Listing, Matrix, Node, Quantity, Relation, Words
from tracewright.pipeline.verify.grammar.tokens import Commas, Kind, Token
from tracewright.pipeline.verify.limits import MAX_LIST_ITEMS

_RELATIONS = ("=", "≠", "<", "≤", ">", "≥", "≈", "∈")
_SEPARATORS = (",", ";", "and", "or", "\\\\", "&")
_CLOSING = {"(": (")", "]"), "[": ("]", ")", "["), "]": ("[", "]"), "{": ("}",), "\\{": ("\\}", "}"), "⟨": ("⟩",)}
_TELLING_WORDS = frozenset({"not", "least", "most", "except", "wrong", "incorrect", "half", "or"})
_UNIT_SIGNS = ("/", "*", "^", "-", "%")


def parse_answer(text: str, commas: Commas = Commas.GROUPS) -> Node:
    """The tree of a cleaned answer.

    Raises:
        LimitError: it is longer, deeper or has more parts than the verifier reads.
        UnreadableError: it is not in the language of answers.
    """
    parser = AnswerParser(tokenize(text, commas))
    answer = parser.listing()
    if parser.token.kind is not Kind.END:
        raise UnreadableError(f"can't read on from {parser.token.text!r}")
    return answer


class AnswerParser(CommandParser):
    """Reads a whole answer."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._in_set = False

    def listing(self) -> Node:
        """One item, or several with commas, semicolons, `and` or `or` between them."""
        items, alternative = self._items()
        return items[0] if len(items) == 1 else Listing(tuple(items), alternative)

    def _items(self) -> tuple[list[Node], bool]:
        alternative = False
        while self.accept(*_SEPARATORS, "≈"):
            pass
        items = [self.relation()]
        while self.at(*_SEPARATORS):
            while sign := self.accept(*_SEPARATORS):
                alternative |= sign == "or"
            if self.token.kind is Kind.END or self._is_closing():
                break
            items.append(self.relation())
            if len(items) > MAX_LIST_ITEMS:
                raise LimitError(f"a list has more than {MAX_LIST_ITEMS} items")
        return items, alternative

    def _is_closing(self) -> bool:
        return self.at(")", "]", "}", "\\}", "⟩")

    def relation(self) -> Node:
        """Operands with `=`, `<`, `∈` and their like between them."""
        operands, operators = [self.operand()], []
        while sign := self.accept(*_RELATIONS):
            if sign in "<>" and self.accept("="):
                sign = {"<": "≤", ">": "≥"}[sign]
            operators.append(sign)
            operands.append(self.operand())
        return Relation(tuple(operators), tuple(operands)) if operators else operands[0]

    def operand(self) -> Node:
        """A value with its unit, or words."""
        if self.token.kind is Kind.WORD:
            words = Words(self._words())
            if self.at(":"):
                # `Width: 5` names its value as `Width = 5` does.
                self._tokens[self._position] = type(self.token)(Kind.SIGN, "=")
            return words
        self.currency = ""
        value = self._residue(self._set())
        unit = self._words()
        if self.currency and unit:
            unit = f"{self.currency} {unit}"
        unit = unit or self.currency
        self.currency = ""
        return Quantity(value, unit) if unit else value

    def _residue(self, value: Node) -> Node:
        """`3 (mod 7)` is a class of numbers and not the remainder 3."""
        if self.token.kind is Kind.COMMAND and self.token.text == "pmod":
            self.advance()
            modulus = self.argument_in_full()
        elif self.at("(") and self.look().text == "mod":
            self.advance()
            self.advance()
            modulus = self.sum()
            self.expect(")")
        else:
            return value
        return Apply("residue", (Apply("mod", (value, modulus)), modulus))

    def _words(self) -> str:
        """Words up to a separator, a relation or the end; a unit's signs and exponents among them."""
        words: list[str] = []
        while self.token.kind is Kind.WORD or (self._continues_unit() if words else self._is_rate_ahead()):
            token = self.advance()
            if token.text not in ("{", "}"):
                words.append(token.text)
        if changes_number(" ".join(words)):
            raise UnreadableError(f"{' '.join(words)!r} changes what the number says")
        return " ".join(words)

    def _is_rate_ahead(self) -> bool:
        """`$7200/year`."""
        return self.at("/") and self.look().kind is Kind.WORD

    def _continues_unit(self) -> bool:
        token, before = self.token, self._tokens[self._position - 1]
        if token.kind is Kind.NUMBER:
            return before.text in ("^", "-", "{") or (before.kind is Kind.WORD and token.text in ("2", "3"))
        if token.kind is Kind.SIGN:
            if token.text in ("{", "}"):
                return before.text == "^" or (
                    before.kind is Kind.NUMBER and self._tokens[self._position - 2].text == "{"
                )
            return token.text in _UNIT_SIGNS
        return token.kind in (Kind.LETTER, Kind.CONSTANT, Kind.FUNCTION)

    def _set(self) -> Node:
        """Values, or sets with `∪`, `∩` and `∖` between them."""
        value = self._ratio()
        while sign := self.accept("∪", "∩", "∖"):
            operand = self._ratio()
            same = isinstance(value, Apply) and value.name == sign == "∪"
            value = Apply(sign, (*value.arguments, operand) if same and isinstance(value, Apply) else (value, operand))
        return value

    def _ratio(self) -> Node:
        parts: list[Node] = [self.sum()]
        while sign := self.accept("choose", "over") if self._in_set else self.accept(":", "choose", "over"):
            if sign == ":":
                parts.append(self.sum())
            elif len(parts) == 1 and not (isinstance(parts[0], Apply) and parts[0].name == "binomial"):
                parts = [Apply("binomial" if sign == "choose" else "/", (parts[0], self.sum()))]
            else:
                raise UnreadableError(f"{sign} after {sign}")
        return parts[0] if len(parts) == 1 else Apply("ratio", tuple(parts))

    def bracketed(self) -> Node:
        """A value in brackets, or a tuple, a list, an interval or a set."""
        with self.nested():
            left = self.expect(*_CLOSING)
            bars, self._bars = self._bars, 0
            is_empty = left in ("(", "{", "\\{") and self.accept(*_CLOSING[left])
            node = _group(left, ")", []) if is_empty else self._filled(left)
            self._bars = bars
            return node

    def _filled(self, left: str) -> Node:
        currency, in_set = self.currency, self._in_set
        self._in_set = left in ("\\{", "{")
        self._bars = int(self._in_set)
        items, alternative = self._items()
        if self._in_set and self.accept("|", ":"):
            items = [self.listing()]
        self._in_set = in_set
        right = self.expect(*_CLOSING[left])
        self.currency = currency or self.currency
        if len(items) > 1 and alternative and left == "(":
            return Listing(tuple(items), alternative)
        return _group(left, right, items)


def changes_number(words: str) -> bool:
    """Whether a number with these words beside it is another answer: `5 more than x`, `5 is not it`."""
    if re.search(r"\bthan\b.* \w$", words):
        return True
    return any(word.casefold() in _TELLING_WORDS for word in words.split())


def _group(left: str, right: str, items: list[Node]) -> Node:
    if len(items) == 1:
        (item,) = items
        if left in ("(", "{", "[") or isinstance(item, Matrix | Relation):
            return item
    if left == "[" and _is_nested_rows(items):
        return Matrix(tuple(item.items for item in items if isinstance(item, Group)))
    if left in ("{", "\\{"):
        return Group("{", "}", tuple(items))
    if left in ("⟨",):
        return Group("(", ")", tuple(items))
    return Group({"]": "("}.get(left, left), {"[": ")"}.get(right, right), tuple(items))


def _is_nested_rows(items: list[Node]) -> bool:
    rows = [item for item in items if isinstance(item, Group) and item.left == "[" and item.right == "]"]
    return len(rows) == len(items) and len({len(row.items) for row in rows}) == 1
