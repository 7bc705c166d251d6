"""The short ways of reading numbers and sums say what the long ones say."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from tracewright.pipeline.steps.lexer import tokenize
from tracewright.pipeline.steps.number_words import read_number_words
from tracewright.pipeline.steps.plain import read_plain
from tracewright.pipeline.steps.question import read_question
from tracewright.pipeline.steps.reading import scan_numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12 eggs and 1,234.5 grams", [12, Fraction(2469, 2)]),
        ("x2 and a_3 and v1.5", []),
        (".5 of it, not 3.4.5", [Fraction(1, 2), Fraction(17, 5)]),
        ("17 000 people", [17, 17000, 0]),
        ("the 4th of 5", [5]),
        ("on the 13th day, 12 miles", [12]),
        ("$5.", [5]),
    ],
)
def test_numbers_are_found_and_those_within_words_are_not(text: str, expected: list[object]) -> None:
    assert [value for value, _ in scan_numbers(text)] == expected


def test_two_numbers_and_a_sign_are_read_as_within_brackets() -> None:
    for first, sign, second in product(("7", "0", "2.50", "1,000", ".5"), "+-*/x×–−", ("3", "0", "0.25", "12,000")):
        short, long = read_plain(f"{first} {sign} {second}"), read_plain(f"({first} {sign} {second})")
        assert short is not None
        assert short == long


def test_a_number_with_a_code_s_zero_is_no_operand() -> None:
    assert read_plain("0930 + 1") is None


@pytest.mark.parametrize(
    ("text", "is_asked"),
    [
        ("What is 3 times 4 plus 2?", True),
        ("Compute (3 + 4) multiplied by 2.", True),
        ("What is $\\sqrt{9} + 1$?", True),
        ("Tom has 3 * 4 eggs.", False),
    ],
)
def test_an_expression_is_asked_for_with_no_other_words(text: str, is_asked: bool) -> None:
    assert (read_question(text).expression is not None) == is_asked


def test_number_words_are_whole_words_in_any_case() -> None:
    assert read_number_words("Twenty-one FOXES; someone's pair") == {20, 1, 2}


def test_tokens_cover_what_is_no_space() -> None:
    text = "Tom's 3 dogs ate 4 x 5 = 20 bones."
    assert "".join(token.text for token in tokenize(text)) == "Tom's3dogs ate4*5=20bones."
