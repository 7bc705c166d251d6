"""A value with its percent sign, unit, currency or degrees, and what it is worth beside another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from tracewright.pipeline.verify.comparison.units import LETTER_UNITS, Unit, read_unit
from tracewright.pipeline.verify.grammar.nodes import Apply, Node, Number, Quantity, Symbol, free_symbols
from tracewright.pipeline.verify.policy import Policy

_STERLING = read_unit("£")
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}


@dataclass(frozen=True, slots=True)
class Measure:
    """A value apart from what stands beside it."""

    value: Node
    unit: Unit | None = None
    label: str = ""
    """The unit's words as they were written."""
    percent: bool = False
    degrees: bool = False


def measure(node: Node) -> Measure:
    """The node's value apart from its unit, percent sign or degree sign."""
    match node:
        case Quantity(value, unit):
            inner = measure(value)
            scale, rest = _split_scale(unit)
            return Measure(_scale(inner.value, scale), read_unit(rest), rest, inner.percent, inner.degrees)
        case Apply("%", (value,)):
            return Measure(value, percent=True)
        case Apply("°", (value,)):
            return Measure(value, degrees=True)
        case Apply("neg", (value,)) if isinstance(value, Quantity) or _is_signed(value):
            inner = measure(value)
            return Measure(Apply("neg", (inner.value,)), inner.unit, inner.label, inner.percent, inner.degrees)
        case _:
            return Measure(node)


def _split_scale(words: str) -> tuple[Fraction, str]:
    """`million dollars` as a million and `dollars`."""
    currency = words[:1] if words[:1] in "$€£¥₹" else ""
    first, _, rest = words.removeprefix(currency).strip().partition(" ")
    scale = _SCALES.get(first.casefold())
    return (Fraction(1), words) if scale is None else (Fraction(scale), rest or currency)


def _is_signed(node: Node) -> bool:
    return isinstance(node, Apply) and node.name in ("%", "°")


def measure_letters(node: Node, *, alone: bool = True) -> Measure | None:
    """The measure where letters such as `m` and `s` are units: `5 m/s`; None where other letters stand in it.

    Without `alone`, one letter to the power of one is none: `5m` may be a product.
    """
    letters = free_symbols(node)
    if not letters or not letters <= LETTER_UNITS:
        return None
    split = _monomial(node)
    if split is None or free_symbols(split[0]):
        return None
    value, powers = split
    if not alone and list(powers.values()) == [1]:
        return None
    text = " * ".join(f"{letter} ^ {power}" for letter, power in powers.items() if power)
    return Measure(value, read_unit(text), text)


def _monomial(node: Node) -> tuple[Node, dict[str, int]] | None:
    """A value and powers of letters whose product the node is; None where it is none."""
    match node:
        case Symbol(name) if name in LETTER_UNITS:
            return Number(Fraction(1)), {name: 1}
        case Apply("^", (Symbol(name), Number(exponent))) if name in LETTER_UNITS and exponent.denominator == 1:
            return Number(Fraction(1)), {name: int(exponent)}
        case Apply("*" | "/" as operator, arguments):
            parts = [_monomial(argument) for argument in arguments]
            powers: dict[str, int] = {}
            values: list[Node] = []
            for position, part in enumerate(parts):
                if part is None:
                    return None
                values.append(part[0])
                for name, power in part[1].items():
                    powers[name] = powers.get(name, 0) + (-power if operator == "/" and position else power)
            return Apply(operator, tuple(values)), powers
        case Apply("neg", (inner,)):
            part = _monomial(inner)
            return None if part is None else (Apply("neg", (part[0],)), part[1])
        case _:
            return None if free_symbols(node) else (node, {})


def align(gold: Measure, given: Measure) -> tuple[Measure, Measure]:
    """The measures with `pounds` read as money where it stands beside `£`."""
    return _as_money(gold, given), _as_money(given, gold)


def _as_money(one: Measure, other: Measure) -> Measure:
    pounds = one.label.casefold() in ("pound", "pounds") and other.unit == _STERLING
    return replace(one, unit=_STERLING) if pounds else one


def unit_mismatch(gold: Measure, given: Measure, policy: Policy) -> str | None:
    """Why the units forbid that the two are equal; None where they don't."""
    if gold.unit and given.unit and policy.units != "ignored":
        if gold.unit.dimensions != given.unit.dimensions and not _is_ignored_money(gold, given, policy):
            return f"{given.label} does not measure what {gold.label} does"
        return None
    required = policy.money if gold.unit and gold.unit.is_money else policy.units
    if gold.unit and not given.unit and required == "required":
        return f"the unit {gold.label} is missing"
    return None


def _is_ignored_money(gold: Measure, given: Measure, policy: Policy) -> bool:
    both = (gold.unit, given.unit)
    return policy.money == "ignored" and all(unit is not None and unit.is_money for unit in both)


def comparable_values(gold: Measure, given: Measure, policy: Policy) -> Iterator[tuple[Node, Node]]:
    """The pairs of values of which one must be equal."""
    left, right = gold.value, given.value
    if gold.unit and given.unit and policy.units != "ignored" and gold.unit.dimensions == given.unit.dimensions:
        right = _scale(right, given.unit.factor / gold.unit.factor)
    if gold.degrees != given.degrees:
        yield (_radians(left), right) if gold.degrees else (left, _radians(right))
    if gold.percent != given.percent and policy.percent != "points":
        hundredth = Fraction(1, 100)
        yield (_scale(left, hundredth), right) if gold.percent else (left, _scale(right, hundredth))
        if policy.percent == "fraction":
            return
    yield left, right


def _scale(node: Node, factor: Fraction) -> Node:
    return node if factor == 1 else Apply("*", (node, Number(factor)))


def _radians(node: Node) -> Node:
    return Apply("°", (node,))
