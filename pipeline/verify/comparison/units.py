"""Units of measure and money: which words name one, what they measure and how they convert."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

Dimensions = tuple[tuple[str, int], ...]
"""Base quantities with their powers, in alphabetical order."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit measures, and how many base units it is."""

    dimensions: Dimensions
    factor: Fraction = Fraction(1)

    def times(self, other: Unit, power: int = 1) -> Unit:
        """The product with a power of another unit."""
        powers = dict(self.dimensions)
        for base, exponent in other.dimensions:
            powers[base] = powers.get(base, 0) + exponent * power
        dimensions = tuple(sorted((base, exponent) for base, exponent in powers.items() if exponent))
        return Unit(dimensions, self.factor * other.factor**power)

    @property
    def is_money(self) -> bool:
        """Whether it is an amount of some currency, not a rate."""
        return len(self.dimensions) == 1 and self.dimensions[0][0].startswith("money:")


def _unit(base: str, factor: str | int = 1, power: int = 1) -> Unit:
    return Unit(((base, power),), Fraction(factor))


def _names(unit: Unit, names: str) -> dict[str, Unit]:
    return dict.fromkeys(names.split(), unit)


_UNITS: dict[str, Unit] = {
    **_names(_unit("length"), "m meter meters metre metres"),
    **_names(_unit("length", "1/100"), "cm centimeter centimeters centimetre centimetres"),
    **_names(_unit("length", "1/10"), "dm decimeter decimeters decimetre decimetres"),
    **_names(_unit("length", "1/1000"), "mm millimeter millimeters millimetre millimetres"),
    **_names(_unit("length", "1/1000000000"), "nm nanometer nanometers nanometre nanometres"),
    **_names(_unit("length", 1000), "km kilometer kilometers kilometre kilometres kms"),
    **_names(_unit("length", "0.0254"), "inch inches"),
    **_names(_unit("length", "0.3048"), "ft foot feet"),
    **_names(_unit("length", "0.9144"), "yd yds yard yards"),
    **_names(_unit("length", "1609.344"), "mi mile miles"),
    **_names(_unit("length", 10000, 2), "hectare hectares ha"),
    **_names(_unit("length", "4046.8564224", 2), "acre acres"),
    **_names(_unit("length", "1/1000", 3), "L l liter liters litre litres"),
    **_names(_unit("length", "1/1000000", 3), "mL ml milliliter milliliters millilitre millilitres cc"),
    **_names(_unit("length", "1/100000", 3), "cL cl centiliter centiliters"),
    **_names(_unit("length", "0.003785411784", 3), "gal gallon gallons"),
    **_names(_unit("length", "0.000946352946", 3), "qt quart quarts"),
    **_names(_unit("length", "0.000473176473", 3), "pint pints"),
    **_names(_unit("length", "0.0002365882365", 3), "cup cups"),
    **_names(_unit("mass", 1), "kg kgs kilogram kilograms kilo kilos kilogramme kilogrammes"),
    **_names(_unit("mass", "1/1000"), "g gram grams gramme grammes"),
    **_names(_unit("mass", "1/1000000"), "mg milligram milligrams"),
    **_names(_unit("mass", 1000), "tonne tonnes"),
    **_names(_unit("mass", "0.45359237"), "lb lbs pound pounds"),
    **_names(_unit("mass", "0.028349523125"), "oz ounce ounces"),
    **_names(_unit("time"), "s sec secs second seconds"),
    **_names(_unit("time", "1/1000"), "ms millisecond milliseconds"),
    **_names(_unit("time", 60), "min mins minute minutes"),
    **_names(_unit("time", 3600), "h hr hrs hour hours"),
    **_names(_unit("time", 86400), "day days"),
    **_names(_unit("time", 604800), "week weeks"),
    **_names(_unit("months"), "month months"),
    **_names(_unit("months", 12), "year years yr yrs"),
    **_names(_unit("degrees celsius"), "°C celsius"),
    **_names(_unit("degrees fahrenheit"), "°F fahrenheit"),
    **_names(_unit("kelvin"), "K kelvin kelvins"),
    **_names(_unit("amperes"), "ampere amperes amp amps"),
    **_names(_unit("volts"), "V volt volts"),
    **_names(_unit("hertz"), "Hz hertz"),
    **_names(_unit("newtons"), "N newton newtons"),
    **_names(_unit("joules"), "J joule joules"),
    **_names(_unit("joules", 1000), "kJ kilojoule kilojoules"),
    **_names(_unit("watts"), "W watt watts"),
    **_names(_unit("watts", 1000), "kW kilowatt kilowatts"),
    **_names(_unit("pascals"), "Pa pascal pascals"),
    **_names(_unit("bytes"), "byte bytes"),
    **_names(_unit("bytes", 1000), "kB KB kilobyte kilobytes"),
    **_names(_unit("bytes", 1000000), "MB megabyte megabytes"),
    **_names(_unit("bytes", 1000000000), "GB gigabyte gigabytes"),
    **_names(_unit("money:dollar"), "$ dollar dollars USD buck bucks"),
    **_names(_unit("money:dollar", "1/100"), "¢ cent cents"),
    **_names(_unit("money:euro"), "€ euro euros EUR"),
    **_names(_unit("money:pound"), "£ GBP"),
    **_names(_unit("money:pound", "1/100"), "pence"),
    **_names(_unit("money:yen"), "¥ yen JPY"),
    **_names(_unit("money:yuan"), "yuan RMB CNY"),
    **_names(_unit("money:rupee"), "₹ rupee rupees Rs INR"),
}
_SPEEDS = {"mph": ("mile", "hour"), "kph": ("km", "hour"), "kmh": ("km", "hour"), "kmph": ("km", "hour")}
_BEFORE_UNIT = frozenset({"of", "a", "an"})
_POWERS_BEFORE = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWERS_AFTER = {"squared": 2, "cubed": 3}
_MAX_POWER = 9
_PART = re.compile(r"\^\s*-?\d{1,3}|[^\W\d_]+\d?|[$€£¥₹¢]|°[CF]|/|\*")
LETTER_UNITS = frozenset({"m", "g", "s", "h", "L", "l", "N", "J", "W", "V"})
"""Single letters that are units where no variable can be meant."""


def is_unit(word: str) -> bool:
    """Whether a word names a unit."""
    return _lookup(word) is not None or word in _POWERS_BEFORE


def read_unit(text: str) -> Unit | None:
    """The unit that words such as `km / h` or `square meters of cloth` name; None where they only name what is counted.

    Reading stops at the first word that is no unit.
    """
    terms: list[tuple[Unit, int]] = []
    sign, power = 1, 1
    for part in _PART.findall(text.replace(".", "")):
        known = _lookup(part)
        if known is not None:
            terms.append((known, sign * power))
            power = 1
        elif part in ("/", "per", "a", "an", "each") and terms:
            sign = -1
        elif part in _POWERS_AFTER or part.startswith("^"):
            terms[-1:] = [(unit, exponent * _power_after(part)) for unit, exponent in terms[-1:]]
        elif part in _POWERS_BEFORE:
            power = _POWERS_BEFORE[part]
        elif part != "*" and not (part in _BEFORE_UNIT and not terms):
            break
    return _product(terms) if terms else None


def _product(terms: list[tuple[Unit, int]]) -> Unit:
    product = Unit(())
    for unit, power in terms:
        product = product.times(unit, power)
    return product


def _power_after(part: str) -> int:
    power = _POWERS_AFTER.get(part) or int(part.lstrip("^ "))
    return power if abs(power) <= _MAX_POWER else 1


def _lookup(word: str) -> Unit | None:
    if word in _SPEEDS:
        above, below = _SPEEDS[word]
        return _UNITS[above].times(_UNITS[below], -1)
    return _UNITS["inch"] if word == "in" else _UNITS.get(word) or _UNITS.get(word.lower())
