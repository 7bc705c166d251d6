"""From an answer's text, LaTeX or Unicode or plain, to tokens."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.failures import LimitError, UnreadableError
from tracewright.pipeline.verify.grammar import vocabulary as known
from tracewright.pipeline.verify.grammar.letters import read_letters, read_text_command
from tracewright.pipeline.verify.grammar.tokens import Commas, Kind, Token
from tracewright.pipeline.verify.grammar.unicode_math import to_latex
from tracewright.pipeline.verify.limits import MAX_ANSWER_CHARS, MAX_NUMBER_DIGITS, MAX_TOKENS

_PLAIN_NUMBER = r"\d+\.?(?=\s*\\(?:overline|bar)\b)|\d+(?:\.\d+)?|\.\d+"
_EXPONENT = r"(?:[eE][+-]?\d{1,4}(?![\w.]))?"
_GROUPED = (
    r"0,\d+|\d{4,},\d+|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}(?!\d)"
    r"|\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|"
    r"\d{1,2}(?:,\d{2})+,\d{3}(?![\d,])(?:\.\d+)?|\d{1,3}(?: \d{3})+(?!\d)(?:\.\d+)?"
)
_NUMBERS = {
    Commas.GROUPS: re.compile(rf"(?:{_GROUPED}|{_PLAIN_NUMBER}){_EXPONENT}"),
    Commas.LISTS: re.compile(rf"(?:{_PLAIN_NUMBER}){_EXPONENT}"),
    Commas.DECIMALS: re.compile(rf"(?:\d+,\d+|{_PLAIN_NUMBER}){_EXPONENT}"),
}
_TOKEN = re.compile(
    r"(?P<space>[\s~#?]+)|(?P<digit>[\d.])"
    # Words that look like letters or signs: `Bobbie's`, `840 a week`, `55 times.`, `280 L of water`.
    r"|(?P<phrase>[A-Za-z]{2,}['’][A-Za-z]{1,2}\b|a(?=\s+[A-Za-z]{2,})|[mgLl](?=\s+of\b)"
    r"|times(?!\s*[-+(\\$\d√]|\s+[b-z]\b))"
    r"|(?P<letters>[A-Za-z]+(?![^\W\d_]))|(?P<word>[^\W\d_]+)|\\(?P<command>[a-zA-Z]+)\*?|(?P<break>\\\\)"
    r"|(?P<two>\+/-|-/\+|<=|>=|=<|!=|<>|==|~=|\*\*|->|//|\|\|)"
    r"|(?P<sign>\\[{}%$]|[-+*/^_!%°'()\[\]{}|,;:=<>&$€£¥₹¢])|\\(?P<escape>.?)",
    re.DOTALL,
)
_TWO = {
    "<=": "≤",
    ">=": "≥",
    "=<": "≤",
    "!=": "≠",
    "<>": "≠",
    "==": "=",
    "~=": "≈",
    "**": "^",
    "+/-": "±",
    "-/+": "∓",
    "->": "→",
    "//": "/",
}
_OPENING, _CLOSING = frozenset({"(", "[", "\\{", "⟨"}), frozenset({")", "]", "\\}", "⟩"})
_GLUED_COMMANDS = frozenset({"quad", "qquad", "pi", "sqrt", "cdot", "times", "alpha", "theta", "sin", "cos", "ln"})
_PRICE = re.compile(r"\s*-?\s*[\d.]")
_ARGUMENT = re.compile(r"\s*\{([^{}]*)\}")
_SPACE_ESCAPES = " ,;:!>()[]\n\t.'`^~\"-=&_|#/"


def tokenize(text: str, commas: Commas = Commas.GROUPS) -> list[Token]:
    """The tokens of a cleaned answer, with an end token.

    Raises:
        LimitError: the text or a number in it is too long.
        UnreadableError: a character or command is not of the language of answers.
    """
    if len(text) > MAX_ANSWER_CHARS:
        raise LimitError(f"the answer has {len(text)} characters, at most {MAX_ANSWER_CHARS} are read")
    text = to_latex(text)
    if "\\\\" in text and "\\begin" not in text:
        # Answers that were escaped twice on their way: `\\frac{1}{2}`.
        text = re.sub(r"\\\\(?=[a-zA-Z]{2})", r"\\", text)
    lexer = _Lexer(text, commas)
    lexer.run()
    return lexer.tokens


class _Lexer:
    def __init__(self, text: str, commas: Commas) -> None:
        self.tokens: list[Token] = []
        self._text = text
        self._commas = commas
        self._position = 0
        self._depth = 0
        self._spaced = False

    def run(self) -> None:
        while self._position < len(self._text):
            found = _TOKEN.match(self._text, self._position)
            if found is None or found.lastgroup is None:
                raise UnreadableError(f"can't read {self._text[self._position :][:20]!r}")
            self._position = found.end()
            self._read(found.lastgroup, found[found.lastgroup], found.start())
            if len(self.tokens) > MAX_TOKENS:
                raise LimitError(f"the answer has more than {MAX_TOKENS} tokens")
        self._add(Kind.END, "")

    def _read(self, group: str, text: str, start: int) -> None:
        match group:
            case "space":
                self._spaced = True
            case "digit":
                self._read_number(start)
            case "letters":
                self._extend(read_letters(text, self._last, self._spaced))
            case "phrase" if text == "a" and not self._follows_value():
                self._extend(read_letters(text, self._last, self._spaced))
            case "word" | "phrase":
                self._add(Kind.WORD, text)
            case "command":
                self._read_command(text)
            case "break":
                self._add(Kind.SIGN, "\\\\")
            case "two":
                for sign in _TWO.get(text, "||"):
                    self._add(Kind.SIGN, sign)
            case "sign":
                self._read_sign(text)
            case _:
                self._read_escape(text)

    def _follows_value(self) -> bool:
        """Whether a number or a word stands before: then `a` is an article, `840 a week`."""
        return self._last is not None and self._last.kind in (Kind.NUMBER, Kind.WORD)

    @property
    def _last(self) -> Token | None:
        return self.tokens[-1] if self.tokens else None

    def _add(self, kind: Kind, text: str) -> None:
        self._extend([Token(kind, text, self._spaced)])

    def _extend(self, tokens: list[Token]) -> None:
        self.tokens.extend(tokens)
        self._spaced = False

    def _read_number(self, start: int) -> None:
        is_script = self._last is not None and self._last.text in ("_", "^")
        number = _NUMBERS[Commas.LISTS if self._depth or is_script else self._commas].match(self._text, start)
        if number is None:
            if self._text[start : start + 2].strip(". ,;)}$"):
                raise UnreadableError("a point that is no decimal point")
            return
        if len(number.group()) > MAX_NUMBER_DIGITS:
            raise LimitError(f"a number has more than {MAX_NUMBER_DIGITS} digits")
        self._position = number.end()
        self._add(Kind.NUMBER, number.group())

    def _read_sign(self, text: str) -> None:
        if text in ("\\%", "\\$"):
            text = text[1]
        if text == "$" and not _PRICE.match(self._text, self._position):
            self._spaced = True
            return
        self._depth = max(0, self._depth + (text in _OPENING) - (text in _CLOSING))
        self._add(Kind.SIGN, text)

    def _read_escape(self, text: str) -> None:
        if text and text not in _SPACE_ESCAPES:
            raise UnreadableError(f"can't read a backslash before {text!r}")
        self._spaced = True

    def _read_command(self, name: str) -> None:
        name = self._known_part(name)
        name = known.COMMAND_ALIASES.get(name, name)
        if name in known.IGNORED_COMMANDS:
            self._skip_dot_after(name)
        elif name in known.TEXT_COMMANDS:
            self._read_text_command()
        elif name in known.STRUCTURE_COMMANDS:
            self._add(Kind.COMMAND, name)
        elif name in known.SIGN_COMMANDS:
            self._read_sign(known.SIGN_COMMANDS[name])
        elif name in known.CONSTANT_COMMANDS:
            self._add(Kind.CONSTANT, known.CONSTANT_COMMANDS[name])
        elif name in known.GREEK_COMMANDS:
            self._add(Kind.LETTER, known.GREEK_COMMANDS[name])
        else:
            self._add(Kind.FUNCTION, known.FUNCTION_ALIASES.get(name, name))

    def _known_part(self, name: str) -> str:
        r"""The command at the start of `name`; the letters after it, as in `\quadx`, are read again as letters."""
        if name in known.ALL_COMMANDS:
            return name
        for length in range(len(name) - 1, 1, -1):
            if name[:length] in _GLUED_COMMANDS and name not in known.ELLIPSES:
                self._position -= len(name) - length
                return name[:length]
        raise UnreadableError(f"no command \\{name[:20]} is known")

    def _skip_dot_after(self, name: str) -> None:
        if name in ("left", "right") and self._text.startswith(".", self._position):
            self._position += 1

    def _read_text_command(self) -> None:
        argument = _ARGUMENT.match(self._text, self._position)
        if argument is None:
            return
        tokens = read_text_command(argument[1], self._last, self._spaced)
        if tokens is not None:
            self._position = argument.end()
            self._extend(tokens)
