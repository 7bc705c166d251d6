"""Units whose conversion is exact, and words that scale a number.

A month, a year or a gallon of what is not here: a claim about them is compared by its numbers alone. Every factor is to
the first unit of its dimension.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit: what it measures and its size."""

    dimension: str
    factor: Fraction | int


_TABLE: dict[str, dict[str, Fraction | int]] = {
    "count": {"hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "billion": 10**9, "dozen": 12},
    "time": {
        "second sec s": 1, "minute min": 60, "hour hr h": 3600, "day": 86_400, "week": 604_800,
    },
    "length": {
        "millimeter millimetre mm": 1, "centimeter centimetre cm": 10, "meter metre m": 1000,
        "kilometer kilometre km": 10**6, "inch": Fraction(254, 10), "foot feet ft": Fraction(3048, 10),
        "yard yd": Fraction(9144, 10), "mile": 1_609_344,
    },
    "mass": {
        "milligram mg": Fraction(1, 1000), "gram g": 1, "kilogram kg": 1000, "tonne": 10**6,
    },
    "weight": {"ounce oz": 1, "pound lb": 16},
    "volume": {"milliliter millilitre ml mL": 1, "liter litre l L": 1000},
    "capacity": {"cup": 1, "pint": 2, "quart": 4, "gallon": 16},
    "money": {"cent ¢ penny pennies": Fraction(1, 100), "dollar": 1, "nickel": Fraction(5, 100),
              "dime": Fraction(10, 100), "quarter": Fraction(25, 100)},
    "time span": {"year": 1, "decade": 10, "century centuries": 100},
    "year": {"month": 1},
}  # fmt: skip
_UNITS = {
    name: Unit(dimension, factor)
    for dimension, units in _TABLE.items()
    for names, factor in units.items()
    for name in names.split()
}
_TEXT_COMMAND = re.compile(r"\\[a-z]+\s*\{\s*([^{}]*?)\s*\}")
_RATES = {"per", "a", "an", "each", "every", "apiece"}


def find_unit(words: str) -> str | None:
    """The unit that a run of words after a number begins with; None for things that are counted and for rates."""
    command = _TEXT_COMMAND.fullmatch(words) if words.startswith("\\") else None
    first, *rest = (command[1] if command else words).split(" ", 2) or [""]
    if rest and rest[0] in _RATES:
        return None
    name = first if first in _UNITS else first.lower()
    for candidate in (name, name.removesuffix("s"), name.removesuffix("es")):
        if candidate in _UNITS:
            return candidate
    return None


def get_unit(name: str) -> Unit:
    """The unit of a name that `find_unit` gave."""
    return _UNITS[name]
