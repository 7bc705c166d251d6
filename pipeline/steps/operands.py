"""What in a stretch of tokens without relations is an expression: words are units, lead-ins or breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tracewright.pipeline.steps.commands import FUNCTIONS
from tracewright.pipeline.steps.lexer import (
    BREAK,
    CLOSE,
    COMMAND,
    LETTER,
    MARK,
    MONEY,
    NAME,
    NUMBER,
    OPEN,
    OPERATOR,
    PERCENT,
    STOP,
    WORDS,
    Token,
)
from tracewright.pipeline.steps.units import find_unit
from tracewright.pipeline.steps.words import APPROXIMATE, FILLERS, LINKS, joins_quantities, modifies


@dataclass(slots=True)
class Segment:
    """Tokens that may be an expression, and how they are bounded."""

    tokens: list[Token] = field(default_factory=list[Token])
    is_clean: bool = True
    """Whether nothing beside it can be a part of it."""
    touches_left: bool = True
    """Whether only filler words stand between it and the relation on its left."""
    touches_right: bool = True
    has_unit: bool = False
    is_approximate: bool = False
    has_lead_in: bool = False
    """Whether words stand right before it."""


_ENDS_OPERAND = (NUMBER, CLOSE, PERCENT, NAME, WORDS, MARK)
_TAKES_ARGUMENT = {
    "\\frac", "\\dfrac", "\\tfrac", "\\cfrac", "\\sqrt", "\\binom", "\\dbinom", "\\tbinom", "\\boxed", "\\sin", "\\cos",
    "\\tan", "\\log", "\\ln", "\\lfloor", "\\lceil", "\\lvert", "\\angle", "\\triangle", "\\overline", "\\gcd", "\\sum",
    "\\prod", "\\int", "\\lim",
}  # fmt: skip
"""Commands that end no operand: a sign after one is no operation."""


def read_segments(member: Sequence[Token], *, is_result: bool = False) -> list[Segment]:
    """The segments of a member, in order, without empty ones. `is_result` says that a relation stands before it."""
    return _Reader(member, is_result).read()


class _Reader:
    def __init__(self, member: Sequence[Token], is_result: bool) -> None:
        self._member = member
        self._is_result = is_result
        self._segments: list[Segment] = []
        self._current = Segment()
        self._words: Token | None = None
        """Words after an operand, of which the next token tells whether they are its unit."""
        self._lead_in_end = 0

    def read(self) -> list[Segment]:
        index = 0
        while index < len(self._member):
            index += self._read_token(index, self._member[index])
        self._settle_words()
        self._strip_operators()
        if self._current.tokens:
            if _has_operator(self._current) and any(map(_has_operator, self._segments)):
                # `20 + 10 more to the 29 + 24 there are = 83`: the expression before may belong to it.
                self._current.is_clean = False
            self._segments.append(self._current)
        return self._segments

    def _read_token(self, index: int, token: Token) -> int:
        """Take one token in, or two where the second belongs to the first; how many."""
        kind = token.kind
        if kind == LETTER:
            kind = WORDS if self._is_word(index) else NAME
            token = token._replace(kind=kind)
        if kind == WORDS:
            self._read_words(token)
        elif kind == OPERATOR:
            return self._read_operator(index, token)
        elif kind in (STOP, BREAK):
            if token.text == "," and self._current.tokens and (kind == BREAK or self._is_in_brackets()):
                self._current.tokens.append(token._replace(kind=BREAK))
            else:
                self._break(is_clean=False)
        elif kind == PERCENT or (kind == MARK and token.text != "|"):
            self._read_postfix(token)
        elif kind == CLOSE:
            self._settle_words()
            self._current.tokens.append(token)
        else:
            self._read_operand(index, token)
        return 1

    def _ends_operand(self) -> bool:
        if not self._current.tokens:
            return False
        last = self._current.tokens[-1]
        return last.kind in _ENDS_OPERAND or (last.kind == COMMAND and last.text not in _TAKES_ARGUMENT)

    def _is_in_brackets(self) -> bool:
        """`(12,18)`: two numbers and no decimal comma, or at least nothing that is computed with."""
        depth = sum((token.text == "(") - (token.text == ")") for token in self._current.tokens)
        return depth > 0

    def _is_word(self, index: int) -> bool:
        """A letter before a word or after a number is a word itself (`A robe`, `5 M&Ms`), unless a sign follows."""
        token = self._member[index]
        following = self._member[index + 1] if index + 1 < len(self._member) else None
        if following is not None and following.kind == WORDS and following.start == token.end + 1:
            return True
        previous = self._member[index - 1] if index else None
        follows_number = previous is not None and previous.kind in (NUMBER, PERCENT) and previous.end < token.start
        return follows_number and (following is None or following.kind in (WORDS, STOP, LETTER))

    def _read_words(self, token: Token) -> None:
        if self._words is not None:
            return
        if self._ends_operand():
            self._read_unit_words(token)
        elif self._current.tokens:
            self._break(is_clean=False)
        else:
            self._lead_in(token)

    def _read_unit_words(self, token: Token) -> None:
        """Words after an operand are held as its unit, unless a verb among them shows that the expression is over."""
        if LINKS.search(token.text) is None:
            self._words = token
            return
        self._break(is_clean=True)
        self._lead_in(token)

    def _lead_in(self, token: Token) -> None:
        """Words before an expression: fillers leave it beside the relation, modifiers make it unclean."""
        text = token.text
        at_start = not self._segments and token is self._member[0]
        self._current.touches_left = at_start and text in FILLERS
        self._current.is_approximate = at_start and text in APPROXIMATE
        self._current.is_clean = not modifies(text)
        self._current.has_lead_in = True
        self._lead_in_end = token.end

    def _settle_words(self) -> None:
        """Take the words that are held as the unit of the operand before them."""
        if self._words is None:
            return
        unit = find_unit(self._words.text)
        self._current.has_unit = True
        if unit is not None:
            self._current.tokens.append(self._words._replace(text=unit))
        self._words = None

    def _read_operator(self, index: int, token: Token) -> int:
        following = self._member[index + 1] if index + 1 < len(self._member) else None
        if following is not None and following.kind == LETTER and self._is_unit_letter(token, following):
            following = following._replace(kind=WORDS)
        has_operand = self._ends_operand() or self._words is not None
        if token.text == "of":
            return self._read_of(has_operand, following)
        if token.text == "^" and self._ends_in_function():
            self._current.tokens.append(token)
            return 1
        if token.text == "^" and self._words is not None:
            # `12 cm^2`: the power is the unit's.
            self._words = self._words._replace(text="")
            return 1 + self._count_exponent(index + 1)
        if has_operand and following is not None and following.kind == WORDS and self._joins_unit(token, following):
            self._current.has_unit = True
            self._current.is_clean = self._current.is_clean and not (token.text == "/" and self._divides())
            self._words = None
            if LINKS.search(following.text) is not None:
                self._read_unit_words(following)
            else:
                self._words = following._replace(text="")
            return 2
        if not has_operand and not self._may_be_sign(index, token):
            self._break(is_clean=False)
            return 1
        self._settle_words()
        if token.text == "//":
            self._break(is_clean=False)
            return 1
        self._current.tokens.append(token)
        return 1

    def _count_exponent(self, index: int) -> int:
        """How many tokens an exponent takes: one, or a group in braces with its contents."""
        if index >= len(self._member) or self._member[index].text != "{":
            return 1
        ends = (place for place in range(index, len(self._member)) if self._member[place].text == "}")
        return next(ends, index) - index + 1

    def _ends_in_function(self) -> bool:
        """`\\sin^2 x`: the power stands before what the function is of."""
        last = self._current.tokens[-1] if self._current.tokens else None
        return last is not None and last.kind == COMMAND and last.text in FUNCTIONS

    def _is_unit_letter(self, token: Token, following: Token) -> bool:
        """`130 km/h`."""
        return token.text == "/" and self._words is not None and self._words.end == token.start == following.start - 1

    def _joins_unit(self, token: Token, following: Token) -> bool:
        """`$3/hour`, `3-pack`: what follows is a part of the unit."""
        if token.text == "/":
            return True
        return token.text == "-" and self._words is None and following.start == token.end

    def _divides(self) -> bool:
        """Whether the last number is a divisor: `1 hour/60 miles/hour` is muddled."""
        numbers = [place for place, token in enumerate(self._current.tokens) if token.kind == NUMBER]
        return bool(numbers) and numbers[-1] > 0 and self._current.tokens[numbers[-1] - 1].text == "/"

    def _may_be_sign(self, index: int, token: Token) -> bool:
        if token.text not in "+-±" or index + 1 >= len(self._member):
            return False
        if self._current.tokens:
            # `*+1` is a slip of the pen, whatever was meant.
            self._current.is_clean = self._current.is_clean and token.text == "-"
            return True
        is_close = self._member[index + 1].start == token.end
        return is_close or index == 0

    def _read_of(self, has_operand: bool, following: Token | None) -> int:
        tokens = self._current.tokens
        is_share = (
            bool(tokens)
            and self._words is None
            and (
                tokens[-1].kind == PERCENT or (len(tokens) > 2 and tokens[-2].text == "/") or _ends_in_fraction(tokens)
            )
        )
        if is_share and (following is None or following.kind == WORDS):
            # `= 20% of the price`: the words say what it is a share of.
            self._break(is_clean=True)
            return 1
        if is_share:
            tokens.append(Token(OPERATOR, "of", tokens[-1].end, tokens[-1].end))
            return 1
        if self._words is not None and following is not None and following.kind == WORDS:
            # `1/4 cup of water`: all of it is the unit, unless a verb comes.
            if LINKS.search(following.text) is not None:
                self._read_unit_words(following)
            return 2
        if has_operand:
            # `8 packs of 5 bags` is an unsaid product, `3 slices of bread` and `= 12 multiples of 7` are none.
            is_described = self._is_result and self._current.touches_left
            self._break(is_clean=is_described or following is None or following.kind == WORDS)
        else:
            self._current.touches_left = self._current.touches_left and not self._segments
        return 1

    def _read_postfix(self, token: Token) -> None:
        tokens = self._current.tokens
        if token.text == "_" and tokens and tokens[-1].kind == COMMAND:
            tokens.append(token)
            return
        if token.text in ("²", "³") and self._words is not None and self._words.end == token.start:
            self._words = self._words._replace(text="", end=token.end)
            return
        is_beside = self._ends_operand() and (self._current.tokens[-1].end == token.start or token.kind == PERCENT)
        if self._words is None and is_beside:
            self._current.tokens.append(token)
        else:
            self._break(is_clean=token.text == "!")

    def _read_operand(self, index: int, token: Token) -> None:
        if token.kind == OPEN and self._is_aside(token):
            self._current.is_clean = False
        if self._words is not None:
            words = self._words
            self._break(is_clean=not (modifies(words.text) or joins_quantities(words.text)))
            self._current.has_lead_in = True
            self._lead_in_end = words.end
        if not self._current.tokens and token.start > self._lead_in_end + 1 and token.kind != MONEY:
            # More than a space between them: a formula begins here, and no words are a part of it.
            self._current.has_lead_in = False
        if token.kind == NUMBER and self._ends_number() and not self._is_mixed(index):
            self._break(is_clean=False)
        elif token.kind == MONEY and self._ends_operand() and not self._leads_number(index):
            return
        self._current.tokens.append(token)

    def _is_aside(self, token: Token) -> bool:
        """`70 (70%) - 60 (60%)`: a bracket behind a number and a space may be a remark, not a factor."""
        last = self._current.tokens[-1] if self._current.tokens else None
        return last is not None and last.kind == NUMBER and last.end + 1 == token.start

    def _ends_number(self) -> bool:
        """Whether a number stands before that belongs to no function, as a logarithm's base and a sine's power do."""
        tokens = self._current.tokens
        if not tokens or tokens[-1].kind != NUMBER:
            return False
        is_power = len(tokens) > 2 and tokens[-2].text == "^" and tokens[-3].text in FUNCTIONS
        return not is_power and not (len(tokens) > 1 and tokens[-2].text == "_")

    def _leads_number(self, index: int) -> bool:
        following = self._member[index + 1] if index + 1 < len(self._member) else None
        return following is not None and following.kind in (NUMBER, OPEN)

    def _is_mixed(self, index: int) -> bool:
        """`2 1/2`."""
        tail = self._member[index + 1 : index + 3]
        return (
            len(tail) == 2
            and tail[0].text == "/"
            and tail[1].kind == NUMBER
            and (self._current.tokens[-1].end < self._member[index].start)
        )

    def _break(self, is_clean: bool) -> None:
        """End the current segment; `is_clean` says whether what stands between can't belong to either side."""
        self._strip_operators()
        current = self._current
        current.touches_right = False
        current.is_clean = current.is_clean and is_clean
        self._settle_words()
        if current.tokens:
            self._segments.append(current)
        self._current = Segment(is_clean=is_clean, touches_left=False)

    def _strip_operators(self) -> None:
        """A sign at the end has no operand: `= 9 - which is …`."""
        tokens = self._current.tokens
        while tokens and tokens[-1].kind in (OPERATOR, MONEY):
            tokens.pop()
            self._current.is_clean = False


def _has_operator(segment: Segment) -> bool:
    """Whether it computes something: a sign before its first number does not."""
    return any(token.kind == OPERATOR for token in segment.tokens[1:])


def _ends_in_fraction(tokens: Sequence[Token]) -> bool:
    return tokens[-1].kind == CLOSE and any(token.kind == COMMAND and "frac" in token.text for token in tokens)
