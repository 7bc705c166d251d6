"""The embedded teacher's format: every right solution holds, and a wrong reduction fails at its own line."""

from __future__ import annotations

import random

import pytest

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


@pytest.mark.parametrize(
    "line",
    [
        "86+86=172; = 2+(7-(4-172)",
        "86+86=172; = 2+(7-(4-172))))",
        "86+86=172; = 2+(7-*(4-172))",
        "86+86=172; = 2+(7-(4-))",
        "86+86=172; 4-172=; = 2+(7-(-168))",
        "86+86=172; 1+#### 43-92)",
        "86+86=172<|assistant|>; = 2+(7-(4-172))",
    ],
)
def test_line_that_is_no_expression_fails(line: str) -> None:
    assert outcomes("2+(7-(4-(86+86)))", line) == ["fails"]


def test_chain_goes_on_behind_a_line_that_is_no_expression() -> None:
    question, broken = "2+(7-(4-(8+1)))", "8+1=9; = 2+(7-(4-9)\n"
    assert outcomes(question, broken + "4-9=-5; = 2+(7-(-5))\n7-(-5)=12; = 2+12\n2+12=14\n#### 14") == [
        *("fails", "holds", "holds", "holds", "holds")
    ]
    assert outcomes(question, broken + "4-9=-5; = 2+(7-5)\n7-5=2; = 2+2\n2+2=4\n#### 4") == [
        *("fails", "unchecked", "holds", "holds", "holds")
    ]


def test_answer_that_drops_the_rest_of_the_chain_fails() -> None:
    assert outcomes("3+(43+(20+7))", "20+7=27; = 3+(43+27)\n3+7=10; 4+2+1=7; 43+27=70\n#### 70")[-1] == "fails"
    assert outcomes("3+(43+27)", "3+7=10; 4+2+1=7; 43+27=70\n#### 70")[-1] == "fails"


def test_answer_that_a_wrong_last_equation_came_to_holds() -> None:
    assert outcomes("3+(43+27)", "43+27=70; = 3+70\n3+70=74\n#### 74") == ["holds", "fails", "holds"]


def test_broken_line_of_prose_is_no_failure() -> None:
    steps = ["The sum is (3 + 4\n+ 5) = 12", "- 3 + 4 = 7", "1), 2) and 3", "3 + 4 ="]
    found = check_steps("What do I get for (3 + 4 + 5) apples?", steps)
    assert all(step.check.outcome is not CheckOutcome.FAILS for step in found)
