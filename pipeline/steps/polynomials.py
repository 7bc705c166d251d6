"""Polynomials with rational coefficients, exact and bounded.

An atom is an unknown that is equal to itself. Square roots of rationals and the imaginary unit are atoms whose square
is known.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

MAX_TERMS = 120
MAX_DEGREE = 16
MAX_COEFFICIENT_BITS = 512

Monomial = tuple[tuple[str, int], ...]
"""Atoms with their exponents, sorted by atom; the empty one is 1."""
Polynomial = dict[Monomial, Fraction]
"""Coefficients, none of them zero."""


class TooLargeError(ArithmeticError):
    """The polynomial would pass a limit, or can't be made."""


class Quotient(NamedTuple):
    """A quotient of two polynomials; the denominator is not zero."""

    top: Polynomial
    bottom: Polynomial


ONE: Polynomial = {(): Fraction(1)}


def subtract(left: Quotient, right: Quotient) -> Polynomial:
    """The numerator of the difference: zero exactly where the two are the same wherever both are defined."""
    return add(multiply(left.top, right.bottom), multiply(right.top, left.bottom), -1)


def add(left: Polynomial, right: Polynomial, factor: int = 1) -> Polynomial:
    """`left + factor · right`."""
    result = dict(left)
    for monomial, coefficient in right.items():
        total = result.get(monomial, Fraction(0)) + factor * coefficient
        if total:
            result[monomial] = total
        else:
            result.pop(monomial, None)
    _check_size(result)
    return result


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product, with the squares of atoms worked out that are known."""
    if len(left) * len(right) > MAX_TERMS * 8:
        raise TooLargeError("too many terms")
    result: Polynomial = {}
    for one, first in left.items():
        for other, second in right.items():
            monomial, factor = _multiply_monomials(one, other)
            total = result.get(monomial, Fraction(0)) + first * second * factor
            if total:
                result[monomial] = total
            else:
                result.pop(monomial, None)
    _check_size(result)
    return result


def substitute(polynomial: Polynomial, atom: str, value: Quotient) -> Polynomial:
    """The polynomial's numerator with a quotient in place of an atom."""
    degree = max((exponent for monomial in polynomial for name, exponent in monomial if name == atom), default=0)
    if degree == 0:
        return polynomial
    tops, bottoms = raise_to(value.top, degree), raise_to(value.bottom, degree)
    result: Polynomial = {}
    for monomial, coefficient in polynomial.items():
        exponent = dict(monomial).get(atom, 0)
        rest: Polynomial = {tuple(part for part in monomial if part[0] != atom): coefficient}
        term = multiply(multiply(rest, tops[exponent]), bottoms[degree - exponent])
        result = add(result, term)
    return result


def find_atoms(polynomial: Polynomial) -> frozenset[str]:
    """The atoms of a polynomial."""
    return frozenset(name for monomial in polynomial for name, _ in monomial)


def normalize(polynomial: Polynomial) -> tuple[tuple[Monomial, Fraction], ...]:
    """The polynomial up to a constant factor: equal for equations that are multiples of each other."""
    if not polynomial:
        return ()
    terms = sorted(polynomial.items())
    lead = terms[-1][1]
    return tuple((monomial, coefficient / lead) for monomial, coefficient in terms)


def raise_to(base: Polynomial, degree: int) -> list[Polynomial]:
    """The powers of a polynomial from 0 to `degree`."""
    powers = [ONE]
    for _ in range(degree):
        powers.append(multiply(powers[-1], base))
    return powers


def _multiply_monomials(left: Monomial, right: Monomial) -> tuple[Monomial, Fraction]:
    if not left:
        return right, Fraction(1)
    if not right:
        return left, Fraction(1)
    exponents = dict(left)
    factor = Fraction(1)
    for name, exponent in right:
        exponents[name] = exponents.get(name, 0) + exponent
    for name in list(exponents):
        square = _square_of(name)
        if square is not None and exponents[name] >= 2:
            pairs, rest = divmod(exponents[name], 2)
            factor *= square**pairs
            if rest:
                exponents[name] = rest
            else:
                del exponents[name]
    if sum(exponents.values()) > MAX_DEGREE:
        raise TooLargeError("too high a degree")
    return tuple(sorted(exponents.items())), factor


def _square_of(atom: str) -> Fraction | None:
    if atom == IMAGINARY_UNIT:
        return Fraction(-1)
    return Fraction(atom[1:]) if atom.startswith("√") else None


IMAGINARY_UNIT = "i"
"""In a polynomial the name `i` squares to −1: an identity that needs it otherwise is not found, which is no harm."""


def _check_size(polynomial: Polynomial) -> None:
    if len(polynomial) > MAX_TERMS:
        raise TooLargeError("too many terms")
    for value in polynomial.values():
        if value.numerator.bit_length() > MAX_COEFFICIENT_BITS or value.denominator.bit_length() > MAX_COEFFICIENT_BITS:
            raise TooLargeError("too long a coefficient")
