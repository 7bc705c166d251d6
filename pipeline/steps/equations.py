"""Equations with names: conditions and definitions that are taken as given, and those that follow from them.

An equation holds where it is an identity, a multiple of a known one, a known one with known values put in, a solution
of a known one, or a sum of multiples of known ones. One that is none of these is a condition, a definition or a thought
that is not seen through here: it is added to the known ones and never fails.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tracewright.pipeline.steps import polynomials
from tracewright.pipeline.steps.polynomials import Monomial, Polynomial, Quotient, TooLargeError
from tracewright.pipeline.steps.quotients import FunctionRule, make_quotient
from tracewright.pipeline.steps.trees import Name, Operation, Tree, find_names

MAX_EQUATIONS = 60
"""Of a trace; later ones are proved where they can be, but not remembered."""
MAX_SUBSTITUTIONS = 8
_MAX_BASIS_TERMS = 60
IDENTITY = -2
"""Stands for the step that an identity follows from: none."""


class Known(NamedTuple):
    """An equation `polynomial = 0` and the step that stated it."""

    polynomial: Polynomial
    step: int


class Equations:
    """The equations of a question and the steps so far."""

    def __init__(self) -> None:
        self._known: list[Known] = []
        self._forms: dict[object, int] = {}
        self._orders: dict[object, int] = {}
        self._values: dict[str, tuple[Quotient, int]] = {}
        self._functions: dict[str, FunctionRule] = {}

    def prove(self, left: Tree, relation: str, right: Tree) -> int | None:
        """The step that the claim follows from, `IDENTITY`, or None where it is not seen to follow."""
        try:
            difference = self._difference(left, right)
            if relation in _ORDERS:
                return self._orders.get(_order_form(difference, relation))
            is_stated = not (find_names(left) and find_names(right))
            return self._prove_zero(difference, is_stated=is_stated) if relation == "=" else None
        except (TooLargeError, RecursionError):
            return None

    def add(self, left: Tree, relation: str, right: Tree, step: int) -> None:
        """Take an equation or inequality as given from here on."""
        if len(self._known) + len(self._orders) >= MAX_EQUATIONS:
            return
        try:
            difference = self._difference(left, right)
            if relation in _ORDERS:
                self._orders.setdefault(_order_form(difference, relation), step)
            elif relation == "=" and difference and polynomials.find_atoms(difference):
                self._known.append(Known(difference, step))
                self._forms.setdefault(polynomials.normalize(difference), step)
                self._define(left, right, step)
                self._define(right, left, step)
        except (TooLargeError, RecursionError):
            return

    def _difference(self, left: Tree, right: Tree) -> Polynomial:
        first = make_quotient(left, self._functions)
        return polynomials.subtract(first, make_quotient(right, self._functions))

    def _define(self, name: Tree, value: Tree, step: int) -> None:
        if isinstance(name, Name):
            quotient = make_quotient(value, self._functions)
            atoms = polynomials.find_atoms(quotient.top) | polynomials.find_atoms(quotient.bottom)
            if name.text not in atoms:
                self._values[name.text] = (quotient, step)
        elif isinstance(name, Operation) and name.operator.startswith("call:") and len(name.arguments) == 1:
            argument = name.arguments[0]
            if isinstance(argument, Name) and not _calls(value, name.operator):
                self._functions[name.operator[5:]] = FunctionRule(argument.text, value)

    def _prove_zero(self, difference: Polynomial, *, is_stated: bool) -> int | None:
        if not difference:
            return IDENTITY
        if not polynomials.find_atoms(difference):
            return None
        known = self._forms.get(polynomials.normalize(difference))
        if known is not None:
            return known
        reduced, source = self._substitute(difference)
        if not reduced:
            return source
        # An equation with names on both sides states no solution, even where it has one.
        solution = self._find_solved(difference) if is_stated else None
        if solution is not None:
            return solution
        return self._prove_by_sums(reduced)

    def _substitute(self, polynomial: Polynomial) -> tuple[Polynomial, int]:
        """The polynomial with known values in place of names, and the last step that gave one."""
        source = IDENTITY
        for _ in range(MAX_SUBSTITUTIONS):
            name = next((atom for atom in sorted(polynomials.find_atoms(polynomial)) if atom in self._values), None)
            if name is None:
                break
            value, step = self._values[name]
            polynomial = polynomials.substitute(polynomial, name, value)
            source = max(source, step)
        return polynomial, source

    def _find_solved(self, difference: Polynomial) -> int | None:
        """The step whose equation has the claim `x = c` as a solution."""
        solved = _read_solution(difference)
        if solved is None:
            return None
        name, value = solved
        quotient = Quotient({(): value} if value else {}, polynomials.ONE)
        for known in reversed(self._known):
            if name not in polynomials.find_atoms(known.polynomial):
                continue
            others = {atom for atom in polynomials.find_atoms(known.polynomial) if atom != name}
            polynomial = known.polynomial
            for other in sorted(others):
                if other in self._values and name not in polynomials.find_atoms(self._values[other][0].top):
                    polynomial = polynomials.substitute(polynomial, other, self._values[other][0])
            if polynomials.find_atoms(polynomial) == frozenset((name,)) and not polynomials.substitute(
                polynomial, name, quotient
            ):
                return known.step
        return None

    def _prove_by_sums(self, target: Polynomial) -> int | None:
        """Gaussian elimination: whether the target is a sum of multiples of the known equations."""
        basis: dict[Monomial, Polynomial] = {}
        source = IDENTITY
        for known in self._known:
            reduced, _ = self._substitute(known.polynomial)
            row = _reduce(reduced, basis)
            if not row:
                continue
            lead = max(row)
            if not lead or len(row) > _MAX_BASIS_TERMS:
                # A known equation contradicts the others: two cases of one unknown, for example.
                return None
            basis[lead] = row
            source = max(source, known.step)
        return source if basis and not _reduce(target, basis) else None


_ORDERS = {"<", ">", "<=", ">="}


def _reduce(polynomial: Polynomial, basis: dict[Monomial, Polynomial]) -> Polynomial:
    for lead in sorted(basis, reverse=True):
        coefficient = polynomial.get(lead)
        if coefficient:
            row = basis[lead]
            scaled = {monomial: value * coefficient / row[lead] for monomial, value in row.items()}
            polynomial = polynomials.add(polynomial, scaled, -1)
    return polynomial


def _order_form(difference: Polynomial, relation: str) -> object:
    """The inequality as `form < 0` or `form ≤ 0`, up to a positive factor."""
    if relation[0] == ">":
        difference = polynomials.add({}, difference, -1)
    terms = sorted(difference.items())
    lead = abs(terms[-1][1]) if terms else Fraction(1)
    return tuple((monomial, value / lead) for monomial, value in terms), relation[1:]


def _read_solution(difference: Polynomial) -> tuple[str, Fraction] | None:
    """`x` and `c` of an equation that says `x = c`."""
    names = [monomial for monomial in difference if monomial]
    if len(names) != 1 or len(names[0]) != 1 or names[0][0][1] != 1:
        return None
    return names[0][0][0], -difference.get((), Fraction(0)) / difference[names[0]]


def _calls(tree: Tree, operator: str) -> bool:
    if not isinstance(tree, Operation):
        return False
    return tree.operator == operator or any(_calls(argument, operator) for argument in tree.arguments)
