"""Why sides that are not equal are no error for sure: parts of longer expressions, conditions, shares, units."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction

from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.trees import Literal, Name, Operation, find_numbers, iterate_nodes
from tracewright.pipeline.steps.units import get_unit
from tracewright.pipeline.steps.values import Number, as_fraction

APPROXIMATION_LIMIT = Fraction(15, 100)
"""`≈` fails beyond 15 %. Nearer than that nothing is said, unless so many digits are shown that it was worked out."""
ROUNDED_REAL = Fraction(1, 100)
"""Two values of which one is a root or the like, and which differ by less, may be one and its rounding."""
_MIN_TELLING_DIGITS = 3
_ORDERINGS = {"<", ">", "<=", ">="}


def find_doubt(
    left: Side, relation: str, right: Side, first: Number, second: Number, is_computed: bool, defined: Collection[str]
) -> str:
    """Why unequal sides are no error for sure; empty where they are one."""
    if not (left.is_clean and right.is_clean):
        return "the expression may be a part of a longer one"
    if right.names or (left.names and not _is_made_of(left, defined)):
        return "an equation with names: a condition or a definition"
    is_real = isinstance(first, Decimal) or isinstance(second, Decimal)
    if is_real and relation not in _ORDERINGS and relative_difference(first, second) < ROUNDED_REAL:
        return "a rounded value of a real number"
    if relation == "~" and relative_difference(first, second) <= APPROXIMATION_LIMIT and not _is_precise(right):
        return "a rough approximation"
    if relation == "mod":
        return "a congruence without its modulus"
    if is_computed and left.decimals is not None and (left.has_unit or left.has_lead_in):
        return "words in a computation"
    is_pair = left.decimals is not None and right.is_quantity and not _is_percentage(left, right)
    is_named = is_pair or left.has_unit or left.has_lead_in
    if not is_computed and left.is_quantity and is_named:
        if _is_division(left):
            return ""
        return "" if share_dimension(left, right) else "a quantity that is described, not computed"
    if _measures(left) and _measures(right) and _measures(left) != _measures(right):
        return "two different units"
    if left.decimals is not None and "percent" in right.marks and right.decimals is None:
        return "a number, and what share it is"
    if _takes_percentage(left):
        return "a multiplication by 100 %: by one, or by a hundred"
    if (left.has_unit or right.has_unit) and _is_rescaled(first, second):
        return "the same digits in another unit"
    return ""


def _is_division(left: Side) -> bool:
    """`$12.60 / 18 = $0.70`: with decimals it is a division, and no share of what the words before it name."""
    tree = left.trees[0]
    if not isinstance(tree, Operation) or tree.operator != "/":
        return False
    top = tree.arguments[0]
    return isinstance(top, Literal) and top.decimals > 0


def _is_percentage(left: Side, right: Side) -> bool:
    """`0.5 = 50%`: the same number written in another way."""
    is_bare = (left.decimals or 0) > 0 and not (left.has_unit or left.has_lead_in or left.marks)
    return is_bare and right.decimals is not None and "percent" in right.marks


def _is_precise(side: Side) -> bool:
    """Whether it is a number with so many digits that it was worked out: `≈ 0.264`, but not `≈ 20` or `≈ 1,500`."""
    literals = find_numbers(side.trees[0])
    if side.decimals is None or len(literals) != 1:
        return False
    digits = str((abs(as_fraction(literals[0])) * 10 ** max(side.decimals, 0)).numerator)
    return len(digits if side.decimals > 0 else digits.rstrip("0")) >= _MIN_TELLING_DIGITS


def _is_made_of(side: Side, names: Collection[str]) -> bool:
    """Whether the side combines two or more of the names and has no number in it."""
    nodes = list(iterate_nodes(side.trees[0]))
    if any(isinstance(node, Literal) for node in nodes) or isinstance(side.trees[0], Name):
        return False
    return all(name in names for name in side.names)


def _takes_percentage(side: Side) -> bool:
    """`25 / 75 × 100% = 25%`: what it is a share of is often another number than the one that stands there."""
    if "percent" not in side.marks:
        return False
    products = (node for node in iterate_nodes(side.trees[0]) if isinstance(node, Operation) and node.operator == "*")
    return any(_HUNDRED_PERCENT in product.arguments for product in products)


_HUNDRED_PERCENT = Operation("percent", (Literal(100, -1),))


def _is_rescaled(left: Number, right: Number) -> bool:
    first, second = as_fraction(left), as_fraction(right)
    return any(first * scale == second or second * scale == first for scale in (100, 1000, 10**6))


def _measures(side: Side) -> set[str]:
    return {get_unit(mark[5:]).dimension for mark in side.marks if mark.startswith("unit:")}


def share_dimension(left: Side, right: Side) -> bool:
    """Whether both sides measure the same in different units, as a conversion does."""
    measured = _measures(left)
    return len(measured) == 1 and measured == _measures(right) and left.marks != right.marks


def relative_difference(left: Number, right: Number) -> Fraction:
    first, second = as_fraction(left), as_fraction(right)
    scale = max(abs(first), abs(second))
    return abs(first - second) / scale if scale else Fraction(0)
