"""Numbers that a text gives in words."""

from __future__ import annotations

import re
from fractions import Fraction

from tracewright.pipeline.steps.values import Number

_VALUES: dict[str, tuple[Number, ...]] = {
    "zero": (0,), "one": (1,), "two": (2,), "three": (3,), "four": (4,), "five": (5,), "six": (6,), "seven": (7,),
    "eight": (8,), "nine": (9,), "ten": (10,), "eleven": (11,), "twelve": (12,), "thirteen": (13,), "fourteen": (14,),
    "fifteen": (15,), "sixteen": (16,), "seventeen": (17,), "eighteen": (18,), "nineteen": (19,), "twenty": (20,),
    "thirty": (30,), "forty": (40,), "fifty": (50,), "sixty": (60,), "seventy": (70,), "eighty": (80,),
    "ninety": (90,), "hundred": (100,), "thousand": (1000,), "million": (10**6,), "dozen": (12,), "once": (1,),
    "twice": (2,), "double": (2,), "thrice": (3,), "triple": (3,), "half": (2, Fraction(1, 2)), "pair": (2,),
    "third": (3, Fraction(1, 3)), "thirds": (3, Fraction(1, 3)), "quarter": (4, Fraction(1, 4)), "couple": (2,),
    "quarters": (4, Fraction(1, 4)), "fourth": (4, Fraction(1, 4)), "fifth": (5, Fraction(1, 5)), "sixth": (6,),
}  # fmt: skip
_WORD = re.compile(r"\w+")


def read_number_words(text: str) -> frozenset[Number]:
    """The values of the number words in a text; those of a compound (`twenty-one`) one by one."""
    words = {word.lower() for word in _WORD.findall(text)}
    return frozenset(value for word in words & _VALUES.keys() for value in _VALUES[word])
