"""The filter language: what it lets through, how it prints, and what it says to a mistake."""

from __future__ import annotations

import contextlib
import json
import random
import string
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.pipeline.filter import (
    COLUMNS,
    And,
    Between,
    Column,
    ColumnKind,
    Comparison,
    Filter,
    IsNull,
    IsTrue,
    Not,
    OneOf,
    Operator,
    Or,
    parse_filter,
)
from tracewright.pipeline.filter.parsing import MAX_NESTING
from tracewright.pipeline.filter.tokens import MAX_FILTER_CHARS
from tracewright.pipeline.filter.tree import MAX_VALUES
from tracewright.schemas import InputError

FOLDER = Path(__file__).parent
ROW_CASES = json.loads((FOLDER / "row_cases.json").read_text(encoding="utf-8"))
FAULT_CASES = json.loads((FOLDER / "fault_cases.json").read_text(encoding="utf-8"))
ORDERED = (ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.TIME)
INT64 = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(str)
VALUES: dict[ColumnKind, st.SearchStrategy[Any]] = {
    ColumnKind.TEXT: st.text(),
    ColumnKind.INTEGER: INT64 | FLOATS,
    ColumnKind.NUMBER: FLOATS | INT64,
    ColumnKind.BOOLEAN: st.booleans(),
    ColumnKind.TIME: MOMENTS,
}


def make_frame() -> pl.DataFrame:
    """Four rows; every other column of the table is null in all of them."""
    known: dict[str, list[Any]] = {
        "trace_id": ["t0", "t1", "t2", "t3"],
        "source": ["s", 'a "b" \\ é\n', "s", "s"],
        "outcome": ["correct", "correct", "incorrect", "error"],
        "domain": ["algebra", "geometry", "algebra", None],
        "confidence": [0.9, 0.5, 1.0, None],
        "min_step_confidence": [0.6, 0.6, 0.6, None],
        "tokens": [100, 200, 300, 400],
        "flagged": [False, True, True, False],
        "first_failed_step": [None, 0, None, 2],
        "created_at": [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)],
    }
    return pl.DataFrame(
        [pl.Series(name, known.get(name, [None] * 4)).cast(column.dtype) for name, column in COLUMNS.items()]
    )


FRAME = make_frame()


def conditions_of(column: Column) -> st.SearchStrategy[Filter]:
    """Every condition on one column that the language has."""
    value = st.sampled_from(column.values) if column.values else VALUES[column.kind]
    operators = list(Operator) if column.kind in ORDERED else [Operator.EQUAL, Operator.UNEQUAL]
    kinds: list[st.SearchStrategy[Filter]] = [
        st.builds(Comparison, st.just(column.name), st.sampled_from(operators), value),
        st.builds(OneOf, st.just(column.name), st.lists(value, min_size=1, max_size=4).map(tuple)),
        st.just(IsNull(column.name)),
    ]
    if column.kind in ORDERED:
        kinds.append(st.builds(Between, st.just(column.name), value, value))
    if column.kind is ColumnKind.BOOLEAN:
        kinds.append(st.just(IsTrue(column.name)))
    return st.one_of(kinds)


FILTERS = st.recursive(
    st.one_of([conditions_of(column) for column in COLUMNS.values()]),
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(And, st.lists(parts, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("case", ROW_CASES, ids=lambda case: case["filter"][:60])
def test_a_filter_lets_the_right_rows_through(case: dict[str, Any]) -> None:
    kept = FRAME.with_row_index().filter(parse_filter(case["filter"]).to_polars())
    assert kept["index"].to_list() == case["rows"]


@pytest.mark.parametrize("long", ["a" * 9_000 + " > 3", 'outcome == "' + "a" * 9_000 + '"', "tokens > " + "9" * 9_000])
def test_a_long_word_is_shown_in_part(long: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_filter(long)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("case", FAULT_CASES, ids=lambda case: case["filter"][:60])
def test_a_fault_is_named_and_pointed_at(case: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        parse_filter(case["filter"])
    message, line, caret = str(caught.value).splitlines()
    assert case["says"] in message
    assert line == f"  {case['filter']}"
    assert caret == " " * (2 + case["at"]) + "^"


@settings(max_examples=300, deadline=None)
@given(FILTERS)
def test_a_printed_filter_parses_to_the_same_tree(tree: Filter) -> None:
    assert parse_filter(str(tree)) == tree


@settings(max_examples=100, deadline=None)
@given(FILTERS)
def test_a_filter_says_yes_or_no_to_every_row(tree: Filter) -> None:
    answers = FRAME.select(tree.to_polars().alias("kept"))["kept"]
    assert answers.dtype == pl.Boolean
    assert answers.null_count() == 0
    assert len(answers) == len(FRAME)
    opposite = FRAME.select(Not(tree).to_polars().alias("kept"))["kept"]
    assert not (answers == opposite).any()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=string.printable + "é≥\0", max_size=60))
def test_no_text_makes_anything_but_a_filter_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert parse_filter(str(parse_filter(text))) == parse_filter(text)


@settings(max_examples=200, deadline=None)
@given(FILTERS, st.integers(0, 10**6), st.sampled_from(["", '"', "(", "]", "\\", "and", "1", "-", "not "]))
def test_a_mutilated_filter_is_a_filter_or_a_clear_error(tree: Filter, place: int, intruder: str) -> None:
    text = str(tree)
    cut = place % (len(text) + 1)
    try:
        parse_filter(text[:cut] + intruder + text[cut + 1 :])
    except InputError as error:
        assert str(error)


def test_every_documented_column_can_be_filtered_in_the_frame() -> None:
    for column in COLUMNS.values():
        assert column.meaning
        FRAME.filter(Not(IsNull(column.name)).to_polars())


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_filter_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="write a condition such as outcome =="):
        parse_filter(text)


def test_the_line_of_a_fault_is_shown_and_cut() -> None:
    text = "flagged and\n" + " or ".join(["flagged"] * 50) + " or colour\n and flagged"
    with pytest.raises(InputError) as caught:
        parse_filter(text)
    _, line, caret = str(caught.value).splitlines()
    assert len(line) < 130
    assert line[caret.index("^") :] == "colour"


def test_nesting_has_a_limit() -> None:
    deepest = "(" * MAX_NESTING + "flagged" + ")" * MAX_NESTING
    assert parse_filter(deepest) == IsTrue("flagged")
    for text in (f"({deepest})", "not " * (MAX_NESTING + 1) + "flagged", "(" * 5_000):
        with pytest.raises(InputError, match=f"deeper than {MAX_NESTING} levels"):
            parse_filter(text)


def test_lists_and_texts_have_limits() -> None:
    assert parse_filter(f"tokens in [{', '.join(['1'] * MAX_VALUES)}]")
    with pytest.raises(InputError, match="more than 1,000 values"):
        parse_filter(f"tokens in [{', '.join(['1'] * (MAX_VALUES + 1))}]")
    with pytest.raises(InputError, match="at most 10,000"):
        parse_filter("flagged or " * MAX_FILTER_CHARS + "flagged")


def test_whole_numbers_of_any_length_are_read_or_refused() -> None:
    assert parse_filter(f"tokens == {'0' * 5_000}7") == parse_filter("tokens == 7")
    assert parse_filter("tokens == -9223372036854775808") == Comparison("tokens", Operator.EQUAL, -(2**63))
    for digits in ("9223372036854775808", "9" * 5_000, "-9223372036854775809", "-" + "9" * 9_000):
        with pytest.raises(InputError, match="at most 64 bits"):
            parse_filter(f"tokens == {digits}")


def test_long_filters_are_compiled_and_run_quickly(effort: Callable[[Callable[[], object]], float]) -> None:
    rng = random.Random(0)
    text = " or ".join(f"tokens == {rng.randrange(10_000)}" for _ in range(500))
    assert effort(lambda: FRAME.filter(parse_filter(text).to_polars())) < 150


def test_trees_that_are_built_by_hand_are_checked_too() -> None:
    with pytest.raises(InputError, match="did you mean `tokens`"):
        Comparison("token", Operator.ABOVE, 3)
    with pytest.raises(InputError, match="`tokens` is an integer"):
        Between("tokens", 1, "2")
    with pytest.raises(InputError, match="1 to 1,000 values, not 0"):
        OneOf("tokens", ())
    with pytest.raises(InputError, match="compare it with a value"):
        IsTrue("tokens")
    with pytest.raises(InputError, match="at least two"):
        And((IsTrue("flagged"),))
