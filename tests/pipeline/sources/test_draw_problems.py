"""Arithmetic problems: distinct, kept apart from held-out ones, and the same for the same seed."""

import ast
import operator
import random
from collections import Counter
from itertools import islice

import pytest

from tracewright.pipeline.config import ArithmeticConfig, ProblemsConfig
from tracewright.pipeline.config.problems import MAX_ARITHMETIC_OPERATORS
from tracewright.pipeline.sources import count_problems, draw_problems, read_problems
from tracewright.pipeline.sources.arithmetic import MAX_OPERATORS, draw_expression, format_expression
from tracewright.schemas import InputError, is_held_out, make_id

SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def value_of(node: ast.expr) -> int:
    """Python's own reading of an expression, which knows nothing of ours."""
    match node:
        case ast.Constant(int(value)):
            return value
        case ast.BinOp(left, operation, right):
            return SIGNS[type(operation)](value_of(left), value_of(right))
        case _:
            raise AssertionError(ast.dump(node))


def test_no_problem_comes_twice() -> None:
    problems = list(draw_problems(3_000, [1, 2, 3], seed=0, held_out=False))
    assert len({problem.question for problem in problems}) == len({problem.id for problem in problems}) == 3_000


@pytest.mark.parametrize("held_out", [True, False])
def test_every_problem_is_on_the_side_that_was_asked_for(held_out: bool) -> None:
    problems = list(draw_problems(200, [1, 2, 3, 4, 5], seed=3, held_out=held_out))
    assert {is_held_out(problem.question) for problem in problems} == {held_out}


def test_a_problem_says_what_it_is() -> None:
    for problem in draw_problems(100, [1, 2, 5], seed=1, held_out=False):
        assert sum(problem.question.count(sign) for sign in "+-*") == problem.level
        assert problem.answer == str(value_of(ast.parse(problem.question, mode="eval").body))
        assert (problem.domain, problem.source, problem.license) == (
            "arithmetic",
            "tracewright/arithmetic",
            "Apache-2.0",
        )
        assert problem.id == make_id("problem", problem.question, problem.answer)


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    first, again, other = (list(draw_problems(50, [1, 2, 3], seed, False)) for seed in (5, 5, 6))
    assert first == again
    assert len({p.question for p in first} & {p.question for p in other}) < 10


def test_a_larger_draw_begins_with_the_smaller_one() -> None:
    assert list(islice(draw_problems(500, [1, 2], 0, False), 60)) == list(draw_problems(60, [1, 2], 0, False))


def test_shares_are_kept_to_within_one() -> None:
    problems = draw_problems(1_000, {1: 0.1, 2: 3, 3: 0.9}, seed=0, held_out=False)
    counts = Counter(problem.level for problem in problems)
    assert [counts[level] for level in (1, 2, 3)] == pytest.approx([25, 750, 225], abs=1)


def test_all_problems_with_one_operator_can_be_drawn_and_no_more() -> None:
    with pytest.raises(InputError, match=r"9999999 different held-out problems .* there are (\d+)") as caught:
        draw_problems(9_999_999, [1], seed=0, held_out=True)
    available = int(str(caught.value).split("there are ")[1].split(":")[0])
    problems = list(draw_problems(available, [1], seed=0, held_out=True))
    assert len({problem.question for problem in problems}) == available
    with pytest.raises(InputError, match=f"{available + 1} different held-out problems"):
        draw_problems(available + 1, [1], seed=0, held_out=True)


def test_with_several_numbers_of_operators_the_shortage_is_found_before_the_first_problem() -> None:
    with pytest.raises(InputError, match="ask for fewer, or give more operators a larger share"):
        draw_problems(10_000, {1: 1, 2: 1}, seed=0, held_out=True)


def test_problems_with_one_operator_come_in_the_order_that_chance_gives_them() -> None:
    rng = random.Random(0)
    endless = (format_expression(draw_expression(rng, 1)) for _ in iter(int, 1))
    drawn = list(islice(dict.fromkeys(islice((q for q in endless if not is_held_out(q)), 2_000)), 1_000))
    ordered = [problem.question for problem in draw_problems(1_000, [1], seed=0, held_out=False)]
    assert len(drawn) == len(ordered)
    for length in (3, 4, 5):  # digits of both operands and the sign
        expected = sum(len(question) == length for question in drawn) / len(drawn)
        assert sum(len(question) == length for question in ordered) / len(ordered) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("operators", [[], [0], [1, 6], {2: 0.0}, {2: -1.0}, {2: float("nan")}])
def test_operators_out_of_range_are_refused(operators) -> None:
    with pytest.raises(InputError, match="received"):
        draw_problems(1, operators, seed=0, held_out=False)


def test_a_config_draws_them() -> None:
    config = ProblemsConfig(arithmetic=ArithmeticConfig(count=30, operators={2: 1.0}, seed=9, held_out=True))
    assert list(read_problems(config)) == list(draw_problems(30, [2], 9, True))
    assert count_problems(config) == 30


def test_the_config_knows_how_many_operators_there_can_be() -> None:
    assert MAX_ARITHMETIC_OPERATORS == MAX_OPERATORS
