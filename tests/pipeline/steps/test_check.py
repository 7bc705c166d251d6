"""What holds, fails or stays unchecked, and that hostile text costs no time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.pipeline.steps import check_steps, first_failed_step, segment
from tracewright.schemas import CheckOutcome

CASES = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
HOSTILE_EFFORT = 60.0
"""For one text; the slowest takes about 0.3 s on a quiet core."""
HOSTILE = {
    "tower of powers": "9^" * 5_000 + "9 = 1",
    "big power": "9**9**9**9 = 1 and 2^1000000 = 3 and (2^1000)^1000 = 1",
    "tower within the limits": "2" + "^2" * 50 + " = 4 and $x" + "^{x" * 30 + "}" * 30 + " = 1$",
    "roots": "$" + r"\sqrt" * 390 + " 2 = 1$ and $" + r"\sqrt{x+" * 30 + "1" + "}" * 30 + " = 2$",
    "money": "$" * 390 + "1 = 1",
    "calls": "$" + "f(" * 30 + "x" + ")" * 30 + " = x$ and $f(x) = f(f(x))f(f(x))$" * 5 + "$f(3) = f(f(f(2)))$",
    "long sums": "$x" + "+x" * 190 + " = 191x$ and 1" + "+1" * 190 + " = 191",
    "fractions of names": "$" + r"\frac{1}{x+" * 25 + "1" + "}" * 25 + " = y$ " * 3,
    "factorials": "1000000! = 1 and " + "9!" * 300 + " = 2",
    "nesting": "(" * 20_000 + "1" + ")" * 20_000 + " = 1",
    "latex nesting": "$" + r"\frac{1}{" * 2_000 + "1" + "}" * 2_000 + " = 1$",
    "digits": "9" * 200_000 + " = " + "9" * 200_000,
    "many digits": ("9" * 59 + "*") * 300 + "9 = 1",
    "equals": "=" * 50_000,
    "long chain": "1=" * 20_000 + "1",
    "dollars": "$5 + " * 20_000,
    "opened": r"\[ \( $$ \begin{align} " * 5_000,
    "code": "`a``b```" * 10_000,
    "annotations": "<<1+1=" * 10_000,
    "spaces": "1" + " " * 100_000 + "= 1",
    "words": "a " * 50_000 + "= 1",
    "units": "1 " + "apple " * 20_000 + "+ 1 = 2",
    "signs": "-" * 50_000 + "1 = 1",
    "names": "$" + "+".join(f"x_{{{i}}}" for i in range(150)) + " = 1$ " * 40,
    "expansion": "$(a+b+c+d+e+f)^{16} = (a+b)^{16}(c+d)^{16}$ " * 20,
    "quotients": "$" + "".join(r"\frac{x}{x+1}+" for _ in range(100)) + "1 = 2$",
    "trigonometry": "$" + r"\sin " * 3_000 + "1 = 1$",
    "binomials": "$" + r"\binom{499}{250}\cdot" * 90 + "1 = 1$",
    "waits": "Wait, " * 20_000,
    "sentences": "A. " * 50_000,
    "unclosed bold": "**" * 50_000,
    "thousands": "1,000" * 20_000 + " = 1",
    "one word": "x" * 100_000,
    "short words": "ab, " * 30_000,
    "lines": "1 + 1 = 2\n" * 10_000,
    "worked lines": "1+1=2; " * 5_000 + "= 2",
    "nested worked line": "=" + "(" * 195 + "1" + ")" * 195,
    "controls": "".join(map(chr, range(0x100))) * 200,
}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict) -> None:
    found = [step.check.outcome.value for step in check_steps(case["question"], case["steps"])]
    assert found in (case["expected"], case.get("or"))


def test_failure_names_the_claim_and_both_sides() -> None:
    (step,) = check_steps("", ["So 47 + 38 = 86 in all."])
    assert step.check.reason == "47 + 38 = 86: the left side is 85, the right side is 86"
    (claim,) = step.claims
    assert (claim.text, claim.span.start, claim.span.end) == ("47 + 38 = 86", 3, 15)


def test_later_correction_is_recorded_and_does_not_count_as_failed() -> None:
    steps = ["12 * 13 = 146", "So 146 + 4 = 150", "Wait, that's wrong. 12 * 13 = 120 + 36 = 156", "156 + 4 = 160"]
    checked = check_steps("What is 12 * 13 + 4?", steps)
    assert checked[0].check.outcome is CheckOutcome.FAILS
    assert checked[0].corrected_by == 2
    assert first_failed_step(checked) is None


def test_admission_takes_back_what_stands_before_it_and_no_older_mistake() -> None:
    steps = ["7 * 15 = 115", "142 - 15 = 127", "Wait, that's not right: 142 - 15 + 1 = 128"]
    checked = check_steps("", steps)
    assert [step.corrected_by for step in checked] == [None, 2, None]
    assert first_failed_step(checked) == 0


def test_admission_reaches_over_words_and_to_what_the_last_result_rests_on() -> None:
    assert check_steps("", ["12 * 13 = 146", "Let me look at it.", "That is wrong."])[0].corrected_by == 2
    assert check_steps("", ["12 * 13 = 146", "146 + 4 = 150", "That is wrong."])[0].corrected_by == 2


def test_mistake_in_a_story_is_no_correction() -> None:
    checked = check_steps("", ["He earned 3 * 5 = 16 dollars.", "He made a mistake on 3 of 16 questions, 16 - 3 = 13."])
    assert checked[0].corrected_by is None


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_no_time(name: str, effort: Callable[[Callable[[], object]], float]) -> None:
    text = HOSTILE[name]

    def check_everywhere() -> None:
        check_steps(text, [text[span.start : span.end] for span in segment(text)])
        check_steps("", [text])
        check_steps("1+(1+1)", [text])
        check_steps(text, ["2 + 2 = 4"] * 20)

    assert effort(check_everywhere) < HOSTILE_EFFORT


ALPHABET = st.sampled_from([*"0123456789+-*/^=().,;:!?%$<>|&_ \n\\{}[]'\"xyABa×≈é½²#`", "\\frac", "\\sqrt", "<<", ">>"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(ALPHABET, max_size=60).map("".join), max_size=4), st.lists(ALPHABET, max_size=30).map("".join))
def test_no_text_raises(steps: list[str], question: str) -> None:
    checked = check_steps(question, steps)
    assert len(checked) == len(steps)
    for step, text in zip(checked, steps, strict=True):
        assert all(0 <= claim.start <= claim.end <= len(text) for claim in step.claims)
        assert all(text[claim.start : claim.end] == claim.text for claim in step.claims)
        assert all(source >= -1 for source in step.depends_on)


@given(st.lists(st.text(), max_size=5))
def test_checking_twice_gives_the_same(steps: list[str]) -> None:
    assert check_steps("3 + 4", steps) == check_steps("3 + 4", steps)
