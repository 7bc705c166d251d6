"""Arithmetic of matrices, entry by entry, down to matrices and values without any."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, islice

from tracewright.pipeline.verify.evaluation.values import exact_value
from tracewright.pipeline.verify.failures import UndecidedError
from tracewright.pipeline.verify.grammar.nodes import Apply, Group, Matrix, Node, Number, walk
from tracewright.pipeline.verify.limits import MAX_MATRIX_NODES

_MAX_DETERMINANT_SIZE = 5

Rows = tuple[tuple[Node, ...], ...]


def reduce_matrices(node: Node) -> Node:
    """The node with sums, products and determinants of matrices worked out; others stay.

    Raises:
        UndecidedError: the sizes don't fit, or an operation is not defined.
    """
    if not any(isinstance(part, Matrix) for part in walk(node)):
        return node
    match node:
        case Apply(name, arguments):
            return _apply(name, [reduce_matrices(argument) for argument in arguments])
        case Group(left, right, items):
            return Group(left, right, tuple(reduce_matrices(item) for item in items))
        case _:
            return node


def _apply(name: str, arguments: list[Node]) -> Node:
    matrices = [argument for argument in arguments if isinstance(argument, Matrix)]
    if not matrices:
        return Apply(name, tuple(arguments))
    match name, arguments:
        case "+", _ if len(matrices) == len(arguments):
            return _sum(matrices)
        case "neg", [Matrix(rows)]:
            return Matrix(_each(rows, lambda entry: Apply("neg", (entry,))))
        case "*", _:
            return _product(arguments)
        case "/", [Matrix(rows), divisor] if not isinstance(divisor, Matrix):
            return Matrix(_each(rows, lambda entry: Apply("/", (entry, divisor))))
        case (("det" | "abs"), [Matrix(rows)]):
            return _determinant(rows)
        case _:
            raise UndecidedError(f"{name} of a matrix")


def _each(rows: Rows, function: Callable[[Node], Node]) -> Rows:
    return tuple(tuple(function(entry) for entry in row) for row in rows)


def _sum(matrices: list[Matrix]) -> Matrix:
    if len({(len(matrix.rows), len(matrix.rows[0])) for matrix in matrices}) != 1:
        raise UndecidedError("matrices of different sizes")
    columns = zip(*(matrix.rows for matrix in matrices), strict=True)
    return Matrix(tuple(tuple(Apply("+", entries) for entries in zip(*rows, strict=True)) for rows in columns))


def _product(factors: list[Node]) -> Node:
    result = factors[0]
    for factor in factors[1:]:
        result = _settle(_times(result, factor))
    return result


def _settle(node: Node) -> Node:
    """The product so far with its rational entries worked out: left as they are, they double with each factor.

    Raises:
        UndecidedError: entries with letters in them grow too long.
    """
    if not isinstance(node, Matrix):
        return node
    rows = _each(node.rows, _work_out)
    if sum(1 for entry in chain.from_iterable(rows) for _ in islice(walk(entry), MAX_MATRIX_NODES)) >= MAX_MATRIX_NODES:
        raise UndecidedError(f"a product of matrices has more than {MAX_MATRIX_NODES} parts")
    return Matrix(rows)


def _work_out(entry: Node) -> Node:
    value = exact_value(entry)
    return entry if value is None else Number(value)


def _times(a: Node, b: Node) -> Node:
    match a, b:
        case Matrix(rows), Matrix(others):
            if len(rows[0]) != len(others):
                raise UndecidedError("matrices whose sizes don't fit")
            columns = list(zip(*others, strict=True))
            return Matrix(tuple(tuple(_dot(row, column) for column in columns) for row in rows))
        case Matrix(rows), scalar:
            return Matrix(_each(rows, lambda entry: Apply("*", (entry, scalar))))
        case scalar, Matrix(rows):
            return Matrix(_each(rows, lambda entry: Apply("*", (scalar, entry))))
        case _:
            return Apply("*", (a, b))


def _dot(row: tuple[Node, ...], column: tuple[Node, ...]) -> Node:
    return Apply("+", tuple(Apply("*", pair) for pair in zip(row, column, strict=True)))


def _determinant(rows: Rows) -> Node:
    size = len(rows)
    if size != len(rows[0]) or size > _MAX_DETERMINANT_SIZE:
        raise UndecidedError(f"a determinant of {size} rows and {len(rows[0])} columns")
    if size == 1:
        return rows[0][0]
    terms: list[Node] = []
    for column, entry in enumerate(rows[0]):
        minor = tuple(row[:column] + row[column + 1 :] for row in rows[1:])
        term = Apply("*", (entry, _determinant(minor)))
        terms.append(Apply("neg", (term,)) if column % 2 else term)
    return Apply("+", tuple(terms))
