"""Ways of writing a number that the grammar does not know, rewritten to what it does: `1 in 6`, `0.1(6)`, `10C3`."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.grammar.number_words import read_number_words

_AND_A_HALF = re.compile(r"(?P<whole>\d+) and (?:a|one) (?P<part>half|third|quarter)")
_PARTS = {"half": "1/2", "third": "1/3", "quarter": "1/4"}
_SHARE = re.compile(r"(?P<part>\d+) (?P<word>in|out of|to) (?P<whole>\d+)")
_BASED = re.compile(r"(?P<digits>[0-9A-F]*[A-F][0-9A-F]*)_\{?(?P<base>\d{1,2})\}?")
_BASE_WORD = re.compile(r"(?<=\d)_\{?(?:\\(?:text|mathrm|textrm|mbox)\{)?(?P<base>[a-z]{3,7})\}{0,2}")
_BRACKETED_PERIOD = re.compile(r"(?P<start>[-+−]?\d*\.\d*)\((?P<period>\d+)\)")
_DOTTED_PERIOD = re.compile(
    r"(?<!\d)(?P<start>\d*\.\d*)\\dot\s*\{?(?P<first>\d)\}?(?:(?P<middle>\d*)\\dot\s*\{?(?P<last>\d)\}?)?"
)
_SHOWN_PERIOD = re.compile(
    # Three times at least: `0.333…` goes on like that, and of `0.33…` nobody knows.
    r"(?<![\d.])(?P<start>\d{0,20}\.\d{0,20}?)(?P<period>\d{1,12}?)(?P=period){2,20}\s*(?:\.{3}|…|\\[lc]?dots)"
)
_OVERLINE = "\u0305"
_OVERLINED_DIGITS = re.compile(rf"(?:\d{_OVERLINE})+")
_COMBINATIONS = re.compile(
    r"(?<![\w}])(?:\{\})?(?:[_^]?\{?(?P<n>\d+)\}?\s?C\s?_?\{?(?P<k>\d+)\}?|C\((?P<from>\d+),\s?(?P<choose>\d+)\))(?!\w)"
)


def in_figures(text: str) -> str:
    """The text with numbers in words, spoken fractions, numerals of other bases and periods as the grammar has them."""
    text = _BASE_WORD.sub(lambda found: f"_{{{read_number_words(found['base']) or found['base']}}}", text)
    return _based(text) or read_number_words(text) or _spoken_fraction(text) or _with_overline(text)


def with_periods(text: str) -> str:
    r"""The text with `0.1666…` as `0.1\overline{6}`: before its dots are taken for the end of a sentence."""
    return _SHOWN_PERIOD.sub(r"\g<start>\\overline{\g<period>}", text)


def with_binomials(text: str) -> str:
    r"""The text with `10C3`, `^{10}C_3` and `C(10, 3)` as `\binom{10}{3}`."""
    return _COMBINATIONS.sub(
        lambda found: f"\\binom{{{found['n'] or found['from']}}}{{{found['k'] or found['choose']}}}", text
    )


def _spoken_fraction(text: str) -> str | None:
    """`12 and a half`, `1 in 6`, `1 out of 6` and `3 to 2` in figures."""
    mixed = _AND_A_HALF.fullmatch(text)
    if mixed:
        return f"{mixed['whole']} {_PARTS[mixed['part']]}"
    share = _SHARE.fullmatch(text)
    return share and f"{share['part']}{':' if share['word'] == 'to' else '/'}{share['whole']}"


def _based(text: str) -> str | None:
    """A numeral with letters for digits, such as `2A_{16}`, in decimal figures."""
    found = _BASED.fullmatch(text)
    base = int(found["base"]) if found else 0
    if found is None or not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in found["digits"]):
        return None
    return str(int(found["digits"], base))


def _with_overline(text: str) -> str:
    r"""`0.1(6)` and `0.1\dot{6}` as `0.1\overline{6}`."""
    text = _OVERLINED_DIGITS.sub(lambda run: f"\\overline{{{run.group().replace(_OVERLINE, '')}}}", text)
    text = _DOTTED_PERIOD.sub(_from_dots, text)
    found = _BRACKETED_PERIOD.fullmatch(text)
    return f"{found['start']}\\overline{{{found['period']}}}" if found else text


def _from_dots(found: re.Match[str]) -> str:
    return f"{found['start']}\\overline{{{found['first']}{found['middle'] or ''}{found['last'] or ''}}}"
