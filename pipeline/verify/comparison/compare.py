"""Whether two parsed answers are the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from tracewright.pipeline.verify.comparison.calls import bind_factors, function_letters
from tracewright.pipeline.verify.comparison.constants import with_one_constant
from tracewright.pipeline.verify.comparison.equations import same_relation
from tracewright.pipeline.verify.comparison.intervals import same_set
from tracewright.pipeline.verify.comparison.items import (
    all_same,
    compare_assignments,
    compare_ordered,
    compare_unordered,
)
from tracewright.pipeline.verify.comparison.matrices import reduce_matrices
from tracewright.pipeline.verify.comparison.names import (
    Named,
    same_name,
    shared_name,
    split_name,
    spread_signs,
    with_arguments_of,
)
from tracewright.pipeline.verify.comparison.normal_text import same_words
from tracewright.pipeline.verify.comparison.real_sets import real_set
from tracewright.pipeline.verify.comparison.scalars import compare_scalars
from tracewright.pipeline.verify.comparison.shapes import (
    as_row,
    is_number_set,
    is_set,
    is_structure,
    rows_of,
    union_parts,
)
from tracewright.pipeline.verify.evaluation.values import Algebra, Finding, Truth
from tracewright.pipeline.verify.failures import UndecidedError
from tracewright.pipeline.verify.grammar.nodes import (
    Apply,
    Group,
    Listing,
    Matrix,
    Node,
    Relation,
    Words,
    free_symbols,
)
from tracewright.pipeline.verify.policy import Policy

_RATIO_OF_TWO = 2
"""Longer ratios are no quotients."""


def compare_answers(gold: Node, given: Node, policy: Policy, algebra: Algebra | None = None) -> Finding:
    """Whether the given answer is the gold answer; UNKNOWN where only algebra could say and there is none."""
    try:
        gold, given = (reduce_matrices(spread_signs(node)) for node in (gold, given))
    except UndecidedError as error:
        return Finding(Truth.REFUSED, "matrix", str(error))
    functions = function_letters(gold, given)
    gold, given = (bind_factors(node, functions) for node in with_one_constant(gold, given))
    return _Comparison(policy, functions, algebra).compare(gold, given)


@dataclass(frozen=True, slots=True)
class _Comparison:
    policy: Policy
    functions: frozenset[str]
    algebra: Algebra | None

    def compare(self, gold: Node, given: Node) -> Finding:
        if gold == given:
            return Finding(Truth.SAME, "structural")
        given = with_arguments_of(gold, given)
        a, b = split_name(gold), split_name(given)
        if a.name is not None and b.name is not None:
            return self._both_named(gold, given, a, b)
        if a.name is None and b.name is None:
            return self._unnamed(a.value, b.value)
        unnamed = given if a.name is not None else gold
        if isinstance(unnamed, Relation):
            return self._unnamed(gold, given)
        if self.policy.assignment == "kept" and not _is_membership(gold, given):
            return Finding(Truth.DIFFERENT, "assignment", "only one of the answers names its value")
        return self.compare(a.value, b.value)

    def _both_named(self, gold: Node, given: Node, a: Named, b: Named) -> Finding:
        if a.name is not None and b.name is not None and same_name(a.name, b.name):
            return self.compare(a.value, b.value)
        if isinstance(gold, Relation) and isinstance(given, Relation) and not _is_membership(gold, given):
            # `y = 2x` and `x = y/2` name different things and say the same.
            found = same_relation(gold, given, self.functions)
            if found.truth is Truth.SAME:
                return found
        return Finding(Truth.DIFFERENT, "assignment", f"it says what {b.name} is, and {a.name} is asked for")

    def _unnamed(self, gold: Node, given: Node) -> Finding:
        if isinstance(gold, Words) and isinstance(given, Words):
            same = same_words(gold.text, given.text)
            return Finding(Truth.SAME if same else Truth.DIFFERENT, "text", "" if same else "the words differ")
        if isinstance(gold, Matrix) or isinstance(given, Matrix):
            return self._matrices(gold, given)
        if is_structure(gold) or is_structure(given):
            return self._structures(gold, given)
        if isinstance(gold, Words) or isinstance(given, Words):
            return Finding(Truth.DIFFERENT, "text", "one is in words and the other one is not")
        return compare_scalars(gold, given, self.policy, self.functions, self.algebra)

    def _structures(self, gold: Node, given: Node) -> Finding:
        found = self._collections(gold, given)
        number_sets = is_number_set(gold) or is_number_set(given)
        if found is not None and (found.truth is Truth.SAME or not number_sets):
            return found
        a, b = real_set(gold), real_set(given)
        if number_sets and a is not None and b is not None:
            same = same_set(a, b)
            return Finding(Truth.SAME if same else Truth.DIFFERENT, "set", "" if same else "the sets differ")
        if isinstance(gold, Relation) and isinstance(given, Relation):
            found = same_relation(gold, given, self.functions)
        found = found or _unsolved(gold, given)
        if found.truth is Truth.UNKNOWN and self.algebra is not None:
            return self.algebra.same_solutions(gold, given)
        return found

    def _collections(self, gold: Node, given: Node) -> Finding | None:
        """Tuples, lists and sets with their members; None where a side is none of them."""
        match gold, given:
            case Group("{", _, (item,)), other if not is_set(other) and not isinstance(other, Listing):
                return self.compare(item, other)
            case other, Group("{", _, (item,)) if not is_set(other) and not isinstance(other, Listing):
                return self.compare(other, item)
            case Group(), Group() if not is_set(gold) and not is_set(given):
                return self._tuples(gold, given)
            case ((Group() | Listing()), (Group() | Listing())):
                return self._lists(gold, given)
            case (other, Listing(items, True)) | (Listing(items, True), other) if not is_structure(other):
                return self._restated(other, items)
            case Apply("∪"), Apply("∪"):
                return compare_unordered(union_parts(gold), union_parts(given), self.compare, distinct=True)
            case Apply("residue", a), Apply("residue", b):
                return compare_ordered(a, b, self.compare)
            case Apply("ratio", a), Apply("ratio", b) if len(a) == len(b) > _RATIO_OF_TWO:
                crossed = zip(a[1:], b[1:], strict=True)
                pairs = [(Apply("*", (x, b[0])), Apply("*", (y, a[0]))) for x, y in crossed]
                return all_same([self.compare(x, y) for x, y in pairs])
            case _:
                return None

    def _restated(self, value: Node, items: tuple[Node, ...]) -> Finding:
        """One value in several forms, `1/4, or 25%`; of different values with `or` between them none is the answer."""
        same = all(self.compare(value, item).truth is Truth.SAME for item in items)
        return Finding(Truth.SAME if same else Truth.DIFFERENT, "list", "" if same else "it names several values")

    def _tuples(self, gold: Group, given: Group) -> Finding:
        if len(gold.items) == len(given.items) == 2 and (gold.left, gold.right) != (given.left, given.right):
            return Finding(Truth.DIFFERENT, "interval", "the brackets differ")
        return compare_ordered(gold.items, given.items, self.compare)

    def _lists(self, gold: Group | Listing, given: Group | Listing) -> Finding:
        for one, other in ((gold, given), (given, gold)):
            if isinstance(one, Group) and not is_set(one):
                return self._tuple_and_list(one, other, gold, given)
        found = compare_assignments(gold.items, given.items, self.compare)
        if found is not None:
            return found
        left, right = (shared_name(items) or list(items) for items in (gold.items, given.items))
        if self.policy.list_order == "kept" and not is_set(gold) and not is_set(given):
            return compare_ordered(left, right, self.compare)
        # A set says nothing of how often; nor does a list of solutions that are tuples themselves.
        distinct = is_set(gold) or is_set(given) or any(isinstance(item, Group) for item in chain(left, right))
        return compare_unordered(left, right, self.compare, distinct=distinct)

    def _tuple_and_list(self, one: Group, other: Node, gold: Group | Listing, given: Group | Listing) -> Finding:
        """`(1, 2)` may stand for `1, 2` and for `x = 1, y = 2`; an interval and a set are no tuples."""
        if is_set(other) or (len(one.items) == 2 and (one.left, one.right) != ("(", ")")):
            return Finding(Truth.DIFFERENT, "structure", "a tuple or interval is no set or list of numbers")
        if len(gold.items) == 1 or len(given.items) == 1:
            return Finding(Truth.DIFFERENT, "structure", "a tuple is no single value")
        found = compare_assignments(gold.items, given.items, self.compare)
        return found or compare_ordered(gold.items, given.items, self.compare)

    def _matrices(self, gold: Node, given: Node) -> Finding:
        left, right = rows_of(gold), rows_of(given)
        if left is None or right is None:
            return Finding(Truth.DIFFERENT, "matrix", "one is a matrix and the other one is not")
        if isinstance(gold, Group) or isinstance(given, Group):
            left, right = as_row(left), as_row(right)
        if len(left) != len(right) or len(left[0]) != len(right[0]):
            return Finding(Truth.DIFFERENT, "matrix", "the matrices have different sizes")
        pairs = chain.from_iterable(zip(*rows, strict=True) for rows in zip(left, right, strict=True))
        found = all_same([self.compare(a, b) for a, b in pairs])
        return Finding(found.truth, "matrix", found.reason)


def _unsolved(gold: Node, given: Node) -> Finding:
    """A condition beside a set or list of numbers: algebra may solve it."""
    conditions = [node for node in (gold, given) if _is_condition(node)]
    others = [node for node in (gold, given) if not _is_condition(node)]
    if conditions and len(free_symbols(gold) | free_symbols(given)) == 1 and all(is_structure(node) for node in others):
        return Finding(Truth.UNKNOWN, "set", "a condition that has to be solved")
    return Finding(Truth.DIFFERENT, "structure", "they are not of one kind: a value, a list, a set, a condition")


def _is_condition(node: Node) -> bool:
    return isinstance(node, Relation) or (isinstance(node, Listing) and all(map(_is_condition, node.items)))


def _is_membership(*nodes: Node) -> bool:
    return any(isinstance(node, Relation) and "∈" in node.operators for node in nodes)
