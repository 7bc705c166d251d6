"""Text to tokens: numbers, operators, relations, words and what breaks a claim; formulas and prose alike.

In prose a run of words is one token, so that reading a sentence costs a few tokens; in a formula every letter is a
name of its own. Every pattern takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from tracewright.pipeline.steps.regions import LAYOUTS, Region, RegionKind
from tracewright.pipeline.steps.values import MAX_LITERAL_DIGITS, Number, normalize

NUMBER, OPERATOR, RELATION, OPEN, CLOSE = "number", "operator", "relation", "open", "close"
WORDS, LETTER, NAME, COMMAND, PERCENT, MONEY = "words", "letter", "name", "command", "percent", "money"
MODULUS = "modulus"
MARK, BREAK, STOP = "mark", "break", "stop"


class Token(NamedTuple):
    """A piece of text with its place.

    A `letter` of prose may be a word or a name, a letter of a formula is a `name`. `break` ends a statement (`.`, `;`,
    a new line, an arrow), `stop` is a character that no claim is read across, `mark` is one of `! _ | '`; the other
    kinds say what they are.
    """

    kind: str
    text: str
    start: int
    end: int


_REMEMBERED_NUMBERS = 4_096
_OPERATORS = {
    "+": "+", "-": "-", "−": "-", "–": "-", "*": "*", "×": "*", "·": "*", "∙": "*", "⋅": "*", "•": "*", "/": "/",
    "÷": "/", "∕": "/", "⁄": "/", "**": "^", "^": "^", "x": "*", "X": "*", "times": "*", "multiplied by": "*",
    "plus": "+", "minus": "-", "divided by": "/", "of": "of", "\\cdot": "*", "\\times": "*", "\\ast": "*",
    "\\div": "/", "±": "±", "\\pm": "±", "\\mp": "±", "\\over": "/", "//": "//",
}  # fmt: skip
_RELATIONS = {
    "=": "=", "==": "=", ":=": "=", "≡": "mod", "≈": "~", "≃": "~", "≅": "~", "~": "~", "~=": "~", "≠": "!=",
    "!=": "!=", "<": "<", ">": ">", "≤": "<=", "<=": "<=", "≥": ">=", ">=": ">=", "equals": "=", "equal": "=",
    "is equal to": "=", "equal to": "=", "is approximately": "~", "approximately equals": "~", "\\approx": "~",
    "\\simeq": "~", "\\sim": "~", "\\cong": "~", "\\doteq": "~", "\\ne": "!=", "\\neq": "!=", "\\lt": "<",
    "\\gt": ">", "\\le": "<=", "\\leq": "<=", "\\leqslant": "<=", "\\ge": ">=", "\\geq": ">=", "\\geqslant": ">=",
    "\\equiv": "mod", "\\coloneqq": "=",
}  # fmt: skip
_ARROWS = {
    "=>", "->", "-->", "→", "⇒", "⟹", "∴", "\\implies", "\\Rightarrow", "\\rightarrow", "\\to", "\\iff",
    "\\Leftrightarrow", "\\therefore", "\\quad", "\\qquad", "\\Longrightarrow", "\\longrightarrow", "\\because",
    "\\hspace", "\\vspace", "\\newline", "\\tag", "\\land", "\\wedge", "\\lor", "\\mapsto", "\\mid",
    "\\leftrightarrow", "\\Longleftrightarrow", "\\Leftarrow", "\\hline", "\\[", "\\]", "\\(", "\\)",
}  # fmt: skip
_SILENT = {
    "\\left", "\\right", "\\big", "\\Big", "\\bigg", "\\Bigg", "\\bigl", "\\bigr", "\\Bigl", "\\Bigr", "\\biggl",
    "\\biggr", "\\displaystyle", "\\textstyle", "\\,", "\\;", "\\:", "\\!", "\\ ", "\\limits", "\\nonumber",
    "\\notag", "\\centering", "\\small", "\\large", "\\hfill", "\\boldsymbol", "\\allowbreak", "\\strut",
}  # fmt: skip
_NUMBER = r"(?P<number>(?:\d{1,3}(?:(?:,|\{,\}|,\\!|\\,)\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
_SIGNS = r"""
    |(?P<arrow>-{1,2}>|=>|[→⇒⟹∴])
    |(?P<relation><=(?!>)|>=|==?(?!>)|(?<![\w)\]}])!=|:=|~=?|[≈≃≅≡≠<>≤≥])
    |(?P<operator>\*\*|//|[-−–+*/×÷·∙⋅•∕⁄^±])
    |(?P<open>[(\[{])|(?P<close>[)\]}])
    |\(?(?:\\[pb]?mod|\bmod)[ ]*(?:\{[ ]*(?P<modulus>\d{1,20})[ ]*\}|(?P<modulus_number>\d{1,20}))[ ]*\)?
    |(?P<empty>\\(?:left|right)[ ]*\.)
    |(?P<command>\\(?:[A-Za-z]+\*?|[^A-Za-z]))
    |(?P<percent>[%‰])|(?P<money>[$€£¥₹¢])
    |(?P<clash>(?<=\d)(?:[:,](?=\d)|,(?=[ ]\d{3}(?!\d))))|(?P<ellipsis>(?<=\d)(?:\.{3}|…))
    |(?P<break>[\n;:.,?"“”—#])
"""
_VERBS = r"(?:is[ ]equal[ ]to|equals|equal[ ]to|times|multiplied[ ]by|plus|minus|divided[ ]by|of)(?![\w-])"
_WORD = rf"(?!{_VERBS})(?:[^\W\d_]{{2,}}(?:['’-][^\W\d_]+)*|(?<!\d)[aI](?!\w|\s*[-+*/=^×÷]))"
_PROSE = re.compile(
    rf"""[ \t\r\f\v]*(?:
    (?P<bullet>^(?:[-*•+–]|\d{{1,3}}[.)]|\(\d{{1,3}}\))(?=[ \t]))
    |(?P<ordinal>\d+(?:st|nd|rd|th)(?![A-Za-z]))
    |{_NUMBER}
    |(?P<cross>(?<=[\d)\]}}%\s])[xX](?=\s*[$€£(.\d])|(?<=\s)[xX](?=[ ][-−]\d))
    |(?P<verb>{_VERBS})
    |(?P<words>{_WORD}(?:[ ]{_WORD})*|[^\W\d_]\d\w*)
    |(?P<letter>[^\W\d_])
    |(?P<emphasis>(?<![\w)\]])\*\*(?=[^\s*])|(?<=[^\s*])\*\*(?![\w(\s-]|\s*[\d(-]))
    {_SIGNS}
    |(?P<bar>\|)|(?P<mark>[!'′°²³])|(?P<symbol>[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff])|(?P<stop>\S))""",
    re.VERBOSE | re.MULTILINE,
)
_FORMULA = re.compile(
    rf"""[\s~&]*(?:{_NUMBER}
    |(?P<layout>\\(?:begin|end)\s*\{{(?:{LAYOUTS})\*?\}})|(?P<matrix>\\(?:begin|end)\s*\{{\w+\*?\}})
    |\\(?:text|operatorname|mathrm)\s*\{{\s*(?P<function>gcd|gcf|lcm|max|min)\s*\}}
    |(?P<words>\\(?:text|textrm|textit|textbf|mathrm|mbox|operatorname|hbox|rm)\s*\{{[^{{}}\\]*\}})
    |(?P<name>[A-Z]{{2,}}(?![a-z])|[^\W\d_])
    {_SIGNS}
    |(?P<mark>[!_|'′°²³])|(?P<stop>\S))""",
    re.VERBOSE,
)


def tokenize(text: str, regions: Sequence[Region] = ()) -> list[Token]:
    """The tokens of a step in which the formulas lie in `regions`; code holds no claims and ends the statement."""
    if not regions:
        return _tokenize_part(_PROSE, text, 0, len(text))
    tokens: list[Token] = []
    position = 0
    for region in regions:
        tokens += _tokenize_part(_PROSE, text, position, region.start)
        if region.kind is RegionKind.CODE:
            tokens.append(Token(BREAK, "\n", region.start, region.end))
        else:
            tokens += _tokenize_part(_FORMULA, text, region.inner_start, region.inner_end)
        if region.kind is RegionKind.DISPLAY:
            tokens.append(Token(BREAK, "\n", region.inner_end, region.end))
        position = region.end
    tokens += _tokenize_part(_PROSE, text, position, len(text))
    return tokens


@lru_cache(maxsize=_REMEMBERED_NUMBERS)
def read_number(text: str) -> tuple[Number, int] | None:
    """A literal's value and its decimals (−1 for an integer); None where it has more digits than the limit."""
    if len(text) > MAX_LITERAL_DIGITS:
        return None
    if text.isdecimal():
        # `0930` is a time or a code, not a number to reckon with.
        return None if text[0] == "0" and len(text) > 3 else (int(text), -1)
    digits = text
    for separator in (",\\!", "{,}", "\\,", ","):
        digits = digits.replace(separator, "")
    whole, point, decimals = digits.partition(".")
    if not point:
        return int(whole), -1
    if not decimals.strip("0"):
        return int(whole or "0"), len(decimals)
    return normalize(Fraction(int(whole + decimals), 10 ** len(decimals))), len(decimals)


def _tokenize_part(pattern: re.Pattern[str], text: str, start: int, end: int) -> list[Token]:
    tokens: list[Token] = []
    # Spaces at the end, which no token follows, would be tried from each of them. One stays: it tells a bullet.
    end = min(end, start + len(text[start:end].rstrip()) + 1)
    for match in pattern.finditer(text, start, end):
        group = match.lastgroup or ""
        begin, stop = match.span(group)
        if group in _AS_IS:
            tokens.append(Token(group, text[begin:stop], begin, stop))
            continue
        kind, value = _CANONICAL.get(group, (group, None))
        if value is None:
            value = match.group(group)
            if group in _TRANSLATED:
                kind, value = _translate(group, value)
        if kind:
            tokens.append(Token(kind, value, begin, stop))
    return tokens


_CANONICAL: dict[str, tuple[str, str | None]] = {
    "cross": (OPERATOR, "*"),
    "arrow": (BREAK, "\n"),
    "emphasis": (BREAK, "\n"),
    "ellipsis": ("", ""),
    "clash": (STOP, None),
    "ordinal": (WORDS, None),
    "bar": (BREAK, "|"),
    "symbol": (BREAK, ":"),
    "empty": ("", ""),
    "modulus": (MODULUS, None),
    "modulus_number": (MODULUS, None),
    "layout": (BREAK, "\n"),
    "matrix": (STOP, None),
}
"""Groups that always make the same token."""
_AS_IS = {NUMBER, WORDS, LETTER, NAME, OPEN, CLOSE, BREAK}
"""Groups that are kinds, and whose text is the token's."""
_TRANSLATED = {"function", "operator", "relation", "verb", "command", "bullet"}


def _translate(group: str, value: str) -> tuple[str, str]:
    """The kind and the one spelling of a sign, a verb or a command; no kind for what has no meaning."""
    if group == "bullet":
        return BREAK, "-" if value in "-–" else "\n"
    if group == "function":
        return COMMAND, "\\gcd" if value == "gcf" else "\\" + value
    if value in _OPERATORS:
        return OPERATOR, _OPERATORS[value]
    if value in _RELATIONS:
        return RELATION, _RELATIONS[value]
    if value in _SILENT:
        return "", value
    if value in _ARROWS:
        return BREAK, "\n"
    return _SPECIAL_COMMANDS.get(value, (COMMAND, value))


_SPECIAL_COMMANDS = {
    "\\\\": (BREAK, "\n"),
    "\\%": (PERCENT, "%"),
    "\\$": (MONEY, "$"),
    "\\&": (BREAK, "\n"),
    "\\#": (BREAK, "\n"),
    "\\_": (STOP, "_"),
}
