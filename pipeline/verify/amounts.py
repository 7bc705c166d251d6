"""The cheap half of the cascade: plain numbers with a currency, a percent sign or words beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tracewright.pipeline.verify.numerals import Numeral, read_numeral

_AMOUNT = re.compile(
    r"(?P<sign>[-+−]?)\s*(?P<currency>[$€£¥₹]?)\s*(?P<inner_sign>[-+−]?)\s*(?P<number>\.?\d[\d,.]*(?: \d{3})*)"
    r"\s*(?P<percent>(?:%|percent\b|per cent\b|pct\b)?)\s*(?P<words>[^\W\d_][^\d\\/=+*^√π]*|[.,;]*)",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Amount:
    """A number with what stands beside it."""

    numeral: Numeral
    negative: bool
    currency: str
    percent: bool
    words: str

    @property
    def value(self) -> Fraction:
        """The signed number, percent sign not applied."""
        return -self.numeral.value if self.negative else self.numeral.value


def read_amount(text: str) -> Amount | None:
    """The amount that a cleaned answer consists of; None where it does not begin with a plain number."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    numeral = read_numeral(found["number"].rstrip(",.") or "0")
    if numeral is None:
        return None
    negative = (found["sign"] + found["inner_sign"]) in ("-", "−")
    return Amount(numeral, negative, found["currency"], bool(found["percent"]), found["words"].strip(" .,;"))
