"""Equations with names that can't be meant as conditions: no value of their names makes them true.

`5(x − 3) = 5x − 8` has no solution, so it is a slip in expanding and no equation to solve. What a value could satisfy
(`2x = 6`, `x² = x + 1`) is a condition, and nothing is said about it, but for three forms: one power on both sides
(`10 · 8x³ · 9 = 710x³`), a product rewritten in the middle of a chain, and a sum that is said to be factored.
"""

from __future__ import annotations

import re
from fractions import Fraction

from tracewright.pipeline.steps import polynomials
from tracewright.pipeline.steps.chains import Side
from tracewright.pipeline.steps.polynomials import IMAGINARY_UNIT, Polynomial, Quotient, TooLargeError
from tracewright.pipeline.steps.quotients import make_quotient
from tracewright.pipeline.steps.trees import Literal, Operation, Tree, find_names, iterate_nodes
from tracewright.pipeline.steps.values import format_number

_ROUNDING = Fraction(2, 100)
"""Of a coefficient: sides with decimals that differ by less may have been rounded."""
_SCALES = (100, 1000, 60, 12)
"""Percent, thousandths, minutes and dozens: the same quantity in another unit."""
_SAYS_FACTORED = re.compile(r"\bfactor(?:s|ed|ing|i[sz](?:e[sd]?|ing))?\b", re.IGNORECASE)


def find_contradiction(left: Side, right: Side, before: str, *, is_continued: bool) -> str:
    """Why an equation that is no identity is an error; empty where it may be a condition.

    `before` is the sentence up to the equation, `is_continued` says that the left side is the right one of another
    equality before it.
    """
    if not _is_plain(left) or not _is_plain(right):
        return ""
    try:
        first, second = make_quotient(left.trees[0]), make_quotient(right.trees[0])
        if polynomials.find_atoms(first.bottom) or polynomials.find_atoms(second.bottom):
            return ""
        one, other = _scale(first), _scale(second)
        difference = polynomials.add(one, other, -1)
    except (TooLargeError, RecursionError):
        return ""
    if not difference or _is_index(left, right) or not all(map(polynomials.find_atoms, (one, other))):
        # `v(0) = 5` may be read as a product with zero: a side without its names says nothing.
        return ""
    has_decimals = _has_decimals(left) or _has_decimals(right)
    if not polynomials.find_atoms(difference):
        gap = difference[()]
        if has_decimals and abs(gap) <= _ROUNDING * max(map(abs, [*one.values(), *other.values()])):
            return ""
        return f"the two sides differ by {format_number(gap)}, whatever the names stand for"
    if _is_worked_product(left, one, other, has_decimals):
        return "the coefficients differ"
    is_meant = _is_rewritten(left.trees[0], right.trees[0], before, is_continued=is_continued)
    if is_meant and not has_decimals and _have_one_shape(one, other):
        return "the product written out is another polynomial"
    return ""


def _is_rewritten(left: Tree, right: Tree, before: str, *, is_continued: bool) -> bool:
    """Whether the right side is meant to be the left one in another form, and not another side of a condition."""
    if is_continued and _is_product_of_sums(left):
        return _is_written_out(right) or _is_product_of_sums(right)
    is_factored = _is_written_out(left) and _is_product_of_sums(right)
    return is_factored and _SAYS_FACTORED.search(before) is not None


def _is_plain(side: Side) -> bool:
    """Whether the side is an expression with names that stands alone: a name by itself is assigned to."""
    is_alone = side.is_clean and len(side.trees) == 1 and not (side.has_unit or side.has_lead_in or side.marks)
    tree = side.trees[0]
    return is_alone and isinstance(tree, Operation) and not tree.operator.startswith("call:")


def _has_decimals(side: Side) -> bool:
    return any(isinstance(node, Literal) and node.decimals > 0 for node in iterate_nodes(side.trees[0]))


def _is_index(left: Side, right: Side) -> bool:
    """Whether `i` may be a counter and no imaginary unit: then its square is not −1."""
    return (IMAGINARY_UNIT in left.names) != (IMAGINARY_UNIT in right.names)


def _scale(quotient: Quotient) -> Polynomial:
    """The quotient as a polynomial; its denominator is a number."""
    divisor = quotient.bottom[()]
    return {monomial: coefficient / divisor for monomial, coefficient in quotient.top.items()}


def _is_worked_product(left: Side, one: Polynomial, other: Polynomial, has_decimals: bool) -> bool:
    """Whether a product of numbers and a power became another multiple of the same power."""
    if len(one) != 1 or one.keys() != other.keys():
        return False
    numbers = sum(isinstance(node, Literal) for node in iterate_nodes(left.trees[0]))
    ((_, first),), ((_, second),) = one.items(), other.items()
    if numbers < 2 or any(first == second * scale or second == first * scale for scale in _SCALES):
        return False
    return not has_decimals or abs(first - second) > _ROUNDING * max(abs(first), abs(second))


def _is_product_of_sums(tree: Tree) -> bool:
    """`(x − 1)(x − 6)`, `3(x − 5)²`: a product or a power with at least one sum of names in it, and no sum itself."""
    if not isinstance(tree, Operation) or tree.operator not in ("*", "^"):
        return False
    return any(
        isinstance(node, Operation) and node.operator in "+-" and find_names(node) for node in iterate_nodes(tree)
    )


def _is_written_out(tree: Tree) -> bool:
    """`x² − 7x + 6`: a sum none of whose terms holds a sum of names."""
    if not isinstance(tree, Operation) or tree.operator not in ("+", "-"):
        return False
    return all(_is_written_out(argument) or not _holds_sum(argument) for argument in tree.arguments)


def _holds_sum(tree: Tree) -> bool:
    return any(isinstance(node, Operation) and node.operator in "+-" for node in iterate_nodes(tree))


def _have_one_shape(one: Polynomial, other: Polynomial) -> bool:
    """Two polynomials in one name, of one degree above 1 and with one leading coefficient."""
    if not one or not other or len(polynomials.find_atoms(one) | polynomials.find_atoms(other)) != 1:
        return False
    first, second = max(one, key=_degree), max(other, key=_degree)
    return first == second and _degree(first) > 1 and one[first] == other[second]


def _degree(monomial: polynomials.Monomial) -> int:
    return sum(exponent for _, exponent in monomial)
