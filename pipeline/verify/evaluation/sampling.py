"""At which values of the variables two expressions are compared."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction

from tracewright.pipeline.verify.grammar.nodes import Apply, Call, Node, free_symbols, walk

_SEED = 20_240_917
_DENOMINATORS = (101, 103, 107, 109, 113, 127)
_RANGES = ((1, 4), (-4, 4), (0, 1), (-1, 0), (2, 9), (-9, 9))
"""From where to where the variables of a sample lie: alone positive, of mixed signs, small and larger."""
_WHOLE_RANGES = ((1, 5), (2, 7), (1, 9), (3, 8), (2, 12), (4, 11))


def samples(names: frozenset[str], whole: frozenset[str]) -> Iterator[Mapping[str, Fraction]]:
    """Values for every name, the same ones each time; those in `whole` are small positive whole numbers."""
    rng = random.Random(_SEED)  # noqa: S311 - points of evaluation, no secret
    for real, integer in zip(_RANGES, _WHOLE_RANGES, strict=True):
        yield {name: Fraction(rng.randint(*integer)) if name in whole else _draw(rng, *real) for name in sorted(names)}


def _draw(rng: random.Random, low: int, high: int) -> Fraction:
    below = rng.choice(_DENOMINATORS)
    above = rng.randint(low * below, high * below - 1)
    # A whole number would hide what `floor`, `(-1)^n` and their like do between whole numbers.
    return Fraction(above if above % below else above + 1, below)


def whole_symbols(node: Node) -> frozenset[str]:
    """The variables that stand where only whole numbers make sense: in factorials, bounds, subscripts, signs (−1)^n."""
    names: set[str] = set()
    for part in walk(node):
        for place in _whole_places(part):
            names |= free_symbols(place)
    return frozenset(names)


def _whole_places(node: Node) -> tuple[Node, ...]:
    match node:
        case Apply("factorial" | "double_factorial" | "binomial" | "gcd" | "lcm" | "mod"):
            return node.arguments
        case Apply("sum" | "prod", (_, index, first, last)):
            return (index, first, last)
        case Apply("^", (base, exponent)) if _is_negative(base):
            return (exponent,)
        case Call() if node.name.endswith("_"):
            return node.arguments
        case _:
            return ()


def _is_negative(node: Node) -> bool:
    return isinstance(node, Apply) and node.name == "neg" and not free_symbols(node)


def variables_of(node: Node, functions: frozenset[str]) -> frozenset[str]:
    """The names that need a value."""
    parts = list(walk(node))
    called = {part.name for part in parts if isinstance(part, Call) and not part.name.endswith("_")}
    return free_symbols(node) | (called - functions)
