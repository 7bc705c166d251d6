"""The short way through worked lines says what the walk says, and stays out of everything else."""

from __future__ import annotations

import random

import pytest

from tracewright.pipeline.sources.arithmetic import draw_expression, format_expression, work_solution
from tracewright.pipeline.steps import check_steps, walk
from tracewright.pipeline.steps.worked import work_out


def spoil(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text))
    return text[:place] + rng.choice("0123456789+-*()=; #\n") + text[place + rng.randint(0, 1) :]


def test_short_way_says_what_the_walk_says(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(17)
    cases: list[tuple[str, list[str]]] = []
    for number in range(600):
        expression = draw_expression(rng, rng.randint(1, 5))
        text = work_solution(expression)
        cases.append((format_expression(expression), (spoil(rng, text) if number % 3 else text).splitlines(True)))
    short = [check_steps(question, steps) for question, steps in cases]
    monkeypatch.setattr(walk, "check_worked_line", lambda *_: None)
    for (question, steps), found in zip(cases, short, strict=True):
        assert found == check_steps(question, steps), (question, steps)


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-3*4", -12), ("2-3*-4", 14), ("(2+3)*(4-(-1))", 25), ("10-4-3", 3), ("-(2+3)*2+1", -9), ("0", 0)],
)
def test_value_of_integers(text: str, value: int) -> None:
    assert work_out(text) == value


@pytest.mark.parametrize("text", ["", "+3", "3 4", "(3", "3)", "3+", "2*+3", "()", "3(4)", "007", "(3)4"])
def test_what_is_no_expression_has_no_value(text: str) -> None:
    assert work_out(text) is None
