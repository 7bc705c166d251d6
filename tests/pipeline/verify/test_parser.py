"""What the parser reads, refuses and never does."""

from __future__ import annotations

import contextlib
import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.pipeline.verify.evaluation.values import exact_value
from tracewright.pipeline.verify.failures import LimitError, UnreadableError
from tracewright.pipeline.verify.grammar.nodes import Apply, Group, Number, Quantity, Symbol, Words
from tracewright.pipeline.verify.grammar.parser import parse_answer
from tracewright.pipeline.verify.grammar.tokens import Commas

PIECES = st.sampled_from(json.loads(Path(__file__).with_name("pieces.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234", 1234),
        ("1 234", 1234),
        ("0,5", Fraction(1, 2)),
        ("1.234,5", Fraction(12345, 10)),
        ("3 1/2", Fraction(7, 2)),
        ("½", Fraction(1, 2)),
        ("\\frac12", Fraction(1, 2)),
        ("\\frac 3 4", Fraction(3, 4)),
        ("2^-3", Fraction(1, 8)),
        ("-2^2", -4),
        ("(-2)^2", 4),
        ("2^3^2", 512),
        ("8/4/2", 1),
        ("8-4-2", 2),
        ("0.1\\overline{6}", Fraction(1, 6)),
        ("5!!", 15),
        ("(3!)!", 720),
        ("1011_2", 11),
        ("1.5e3", 1500),
        ("√16", 4),
        ("27^{1/3}", 3),
        ("\\sqrt[3]{-27}", -3),
        ("10 - 2 \\times 3", 4),
        ("\\left( 1 + 2 \\right) \\cdot 3", 9),
    ],
)
def test_numbers_are_read_exactly(text: str, value: Fraction | int) -> None:
    assert exact_value(parse_answer(text)) == value


def test_a_comma_groups_separates_or_marks_decimals_as_it_is_told() -> None:
    assert exact_value(parse_answer("1,234")) == 1234
    assert exact_value(parse_answer("1,5", Commas.DECIMALS)) == Fraction(3, 2)
    assert len(parse_answer("1,234", Commas.LISTS).items) == 2  # type: ignore[union-attr]
    assert len(parse_answer("(1,234)").items) == 2  # type: ignore[union-attr]


def test_units_stand_apart_from_their_value() -> None:
    assert parse_answer("15\\text{ cm}^2") == Quantity(Number(Fraction(15), 0, 2), "cm ^ 2")


def test_letters_side_by_side_are_a_product_and_words_are_words() -> None:
    assert parse_answer("xy") == Apply("*", (Symbol("x"), Symbol("y")))
    assert parse_answer("no solution") == Words("no solution")


def test_brackets_are_kept() -> None:
    assert parse_answer("(0, 1]") == Group("(", "]", (Number(Fraction(0)), Number(Fraction(1), 0, 1)))


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 100 + "1" + ")" * 100, "\\frac{1}{" * 100 + "2" + "}" * 100, "2" + "^2" * 100, "|" * 100),
        *("1+" * 3000 + "1", "9" * 3000, "x" * 5000, ", ".join("1" for _ in range(900))),
    ],
)
def test_what_is_too_long_or_too_deep_is_refused(text: str) -> None:
    with pytest.raises((LimitError, UnreadableError)):
        parse_answer(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "().__class__",
        "x.y",
        "1 +",
        "2 3",
        "\\unknown{1}",
        "\\frac{1}",
        "5 more than x",
        "a\x00b",
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        parse_answer(text)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=80), st.lists(PIECES, max_size=25).map(" ".join), st.lists(PIECES, max_size=25).map("".join)
    )
)
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UnreadableError, LimitError):
        parse_answer(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_a_fraction_is_read_as_it_is_written(above: int, below: int) -> None:
    for text in (f"{above}/{below}", f"\\frac{{{above}}}{{{below}}}"):
        assert exact_value(parse_answer(text)) == Fraction(above, below)
