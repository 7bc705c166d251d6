"""The embedded teacher's format: every right solution holds, and a wrong reduction fails at its own line."""

from __future__ import annotations

import random

from tracewright.pipeline.sources.arithmetic import draw_expression, format_expression, work_solution
from tracewright.pipeline.steps import check_steps, first_failed_step, segment
from tracewright.schemas import CheckOutcome


def outcomes(question: str, text: str) -> list[str]:
    steps = [text[span.start : span.end] for span in segment(text)]
    return [step.check.outcome.value for step in check_steps(question, steps)]


def test_every_line_of_a_right_solution_holds() -> None:
    rng = random.Random(5)
    for _ in range(300):
        expression = draw_expression(rng, rng.randint(1, 5))
        text = work_solution(expression)
        found = outcomes(format_expression(expression), text)
        assert found == ["holds"] * (text.count("\n") + 1), text


def test_wrong_reduction_fails_at_its_line_and_what_follows_holds() -> None:
    text = "7+8=15; 4+3+1=8; 47+38=86; = 86*3-20\n86*3=258; = 258-20\n258-20=238\n#### 238"
    assert outcomes("(47+38)*3-20", text) == ["fails", "holds", "holds", "holds"]


def test_wrong_copy_of_the_rest_fails_where_the_equations_are_right() -> None:
    text = "47+38=85; = 85*3-30\n85*3=255; = 255-30\n255-30=225\n#### 225"
    assert outcomes("(47+38)*3-20", text) == ["fails", "holds", "holds", "holds"]


def test_answer_that_is_not_the_chains_value_fails() -> None:
    assert outcomes("47+38", "47+38=85\n#### 86") == ["holds", "fails"]


def test_changed_digit_is_found_in_every_line() -> None:
    rng = random.Random(11)
    missed = 0
    for _ in range(400):
        expression = draw_expression(rng, rng.randint(1, 5))
        lines = work_solution(expression).split("\n")
        index = rng.randrange(len(lines))
        place = rng.choice([i for i, c in enumerate(lines[index]) if c.isdigit()])
        line = lines[index]
        digit = rng.choice([d for d in "123456789" if d != line[place]])
        lines[index] = line[:place] + digit + line[place + 1 :]
        missed += first_failed_step(check_steps(format_expression(expression), lines)) != index
    assert missed <= 4


def test_each_step_rests_on_the_one_before() -> None:
    steps = ["47+38=85; = 85*3-20", "85*3=255; = 255-20", "255-20=235", "#### 235"]
    checked = check_steps("(47+38)*3-20", steps)
    assert checked[0].depends_on == (-1,)
    assert all(index - 1 in checked[index].depends_on for index in (1, 2, 3))
    assert all(step.check.outcome is CheckOutcome.HOLDS for step in checked)
