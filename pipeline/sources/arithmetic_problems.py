"""Arithmetic problems, drawn without repeats and kept apart from those that are held out."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from tracewright.pipeline.sources.arithmetic import (
    MAX_OPERAND,
    MAX_OPERATORS,
    OPERATORS,
    SINGLE_DIGIT_OPERAND_SHARE,
    Expression,
    Node,
    draw_expression,
    evaluate,
    format_expression,
    is_within_limits,
)
from tracewright.schemas import InputError, Problem, is_held_out, make_id

ARITHMETIC_SOURCE = "tracewright/arithmetic"
ARITHMETIC_DOMAIN = "arithmetic"
_LICENSE = "Apache-2.0"
_MAX_REPEATS = 100_000
"""Draws in a row without a new problem before there are taken to be none left."""


def draw_problems(
    count: int, operators: Mapping[int, float] | Sequence[int], seed: int, held_out: bool
) -> Iterator[Problem]:
    """So many different problems, all of the held-out tenth or none of it.

    The numbers of operators have equal shares, or those of the mapping, spread evenly over the draw. The same
    arguments give the same problems, and a larger count begins with the problems of a smaller one. Questions that are
    already drawn are remembered.

    Raises:
        InputError: at once, when a number of operators is out of range or there are too few problems with one
            operator; while drawing, when no more are found with two or three.
    """
    shares = _check_shares(operators)
    available = len(_single_operations(held_out)) if 1 in shares else 0
    wanted = int(count * shares.get(1, 0.0))
    if wanted > available:
        raise _too_few(1, wanted, available, held_out)
    return _draw(count, shares, seed, held_out)


def _check_shares(operators: Mapping[int, float] | Sequence[int]) -> dict[int, float]:
    """The share of each number of operators; together they are 1."""
    weights = dict(operators) if isinstance(operators, Mapping) else dict.fromkeys(operators, 1.0)
    wrong = [number for number in weights if not 1 <= number <= MAX_OPERATORS]
    if wrong or not weights:
        raise InputError(f"received {wrong or 'no'} operators, expected numbers from 1 to {MAX_OPERATORS}")
    if not all(0 < weight < float("inf") for weight in weights.values()):
        raise InputError(f"received the shares {weights}, expected numbers above 0: leave out what is not wanted")
    total = sum(weights.values())
    return {number: weights[number] / total for number in sorted(weights)}


def _draw(count: int, shares: Mapping[int, float], seed: int, held_out: bool) -> Iterator[Problem]:
    streams = {number: _draw_level(number, seed, held_out) for number in shares}
    drawn = dict.fromkeys(shares, 0)
    for position in range(1, count + 1):
        # The level that is furthest behind its share: every beginning of the draw has the shares, to within one.
        level = max(shares, key=lambda number: shares[number] * position - drawn[number])
        drawn[level] += 1
        expression = next(streams[level], None)
        if expression is None:
            raise _too_few(level, drawn[level], drawn[level] - 1, held_out)
        yield _make_problem(expression, level)


def _draw_level(operators: int, seed: int, held_out: bool) -> Iterator[Expression]:
    # A seed for each level: what is drawn of one does not depend on the share of another.
    rng = random.Random(make_id("arithmetic", seed, operators, held_out))  # noqa: S311  problems are no secrets
    if operators == 1:
        yield from _order_by_chance(rng, _single_operations(held_out))
        return
    seen: set[str] = set()
    repeats = 0
    while repeats < _MAX_REPEATS:
        expression = draw_expression(rng, operators)
        question = format_expression(expression)
        repeats += 1
        if question not in seen and is_held_out(question) == held_out:
            seen.add(question)
            repeats = 0
            yield expression


def _single_operations(held_out: bool) -> list[Node]:
    """All problems with one operator: some 21,000, a tenth of which is held out."""
    operands = range(1, MAX_OPERAND + 1)
    nodes = (Node(operator, left, right) for operator, left, right in product(OPERATORS, operands, operands))
    return [node for node in nodes if is_within_limits(node) and is_held_out(format_expression(node)) == held_out]


def _order_by_chance(rng: random.Random, nodes: Sequence[Node]) -> Iterator[Node]:
    """The order in which drawing with `draw_expression`, repeats left out, would bring them; each comes once.

    Exponential waiting times with the draw's chances as rates (Efraimidis & Spirakis 2006): drawing itself would need
    millions of draws for the last ones.
    """
    waits = [(rng.expovariate(_chance(node.left) * _chance(node.right)), index) for index, node in enumerate(nodes)]
    heapq.heapify(waits)
    while waits:
        yield nodes[heapq.heappop(waits)[1]]


def _chance(operand: Expression) -> float:
    is_single_digit = isinstance(operand, int) and operand < 10
    return SINGLE_DIGIT_OPERAND_SHARE / 9 if is_single_digit else (1 - SINGLE_DIGIT_OPERAND_SHARE) / (MAX_OPERAND - 9)


def _make_problem(expression: Expression, level: int) -> Problem:
    question, answer = format_expression(expression), str(evaluate(expression))
    return Problem(
        id=make_id("problem", question, answer),
        question=question,
        answer=answer,
        domain=ARITHMETIC_DOMAIN,
        level=level,
        source=ARITHMETIC_SOURCE,
        license=_LICENSE,
    )


def _too_few(operators: int, wanted: int, available: int, held_out: bool) -> InputError:
    which = "held-out " if held_out else ""
    return InputError(
        f"{wanted} different {which}problems with {operators} operator{'s' * (operators > 1)} are asked for, and there "
        f"are {available}: ask for fewer, or give more operators a larger share"
    )
