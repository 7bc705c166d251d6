"""Written numbers, read exactly: signs, grouped thousands, decimal points and commas, exponents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tracewright.pipeline.verify.limits import MAX_NUMBER_DIGITS

_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?|\d{1,3}(?: \d{3})+(?:\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_DECIMAL_COMMA = re.compile(r"0,\d+|\d{4,},\d+|\d+,(?:\d{1,2}|\d{4,})")
_SURE_DECIMAL_COMMA = re.compile(r"0,\d+|\d{4,},\d+")
_POINT = re.compile(r"\d+\.?\d*|\.\d+")


@dataclass(frozen=True)
class Numeral:
    """A number as it was written: its exact value, and how many digits say so."""

    value: Fraction
    decimals: int = 0
    """Digits after the decimal point."""
    significant_digits: int = 0


def read_numeral(text: str, *, decimal_comma: bool = False) -> Numeral | None:
    """The number that an unsigned numeral stands for; None where it is none or is too long.

    `1,234` is a grouped number and `0,5` and `1000,99` are decimals. Of the other numerals with one comma, `3,14` is a
    decimal only with `decimal_comma`, and otherwise two numbers.
    """
    if len(text) > MAX_NUMBER_DIGITS:
        return None
    if text.isascii() and text.isdigit():
        return Numeral(Fraction(int(text)), significant_digits=len(text.lstrip("0")))
    mantissa, _, exponent = text.lower().partition("e")
    if exponent:
        read = read_numeral(mantissa, decimal_comma=decimal_comma)
        return None if read is None else _scale(read, int(exponent))
    if _POINT.fullmatch(text):
        return _from_point(text)
    if _EUROPEAN.fullmatch(text):
        return _from_point(text.replace(".", "").replace(",", "."))
    if _SURE_DECIMAL_COMMA.fullmatch(text) or (decimal_comma and _DECIMAL_COMMA.fullmatch(text)):
        return _from_point(text.replace(",", "."))
    if _GROUPED.fullmatch(text):
        return _from_point(text.replace(",", "").replace(" ", ""))
    return None


def _from_point(text: str) -> Numeral:
    whole, _, decimals = text.partition(".")
    digits = (whole + decimals) or "0"
    return Numeral(
        value=Fraction(int(digits), 10 ** len(decimals)),
        decimals=len(decimals),
        significant_digits=len(digits.lstrip("0")),
    )


def _scale(numeral: Numeral, exponent: int) -> Numeral:
    decimals = max(0, numeral.decimals - exponent)
    return Numeral(numeral.value * Fraction(10) ** exponent, decimals, numeral.significant_digits)
