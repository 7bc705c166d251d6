"""Laws that hold for every comparison."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.pipeline.verify import verify_answer
from tracewright.pipeline.verify.comparison.equations import same_relation
from tracewright.pipeline.verify.evaluation.budget import begin_comparison, current_budget
from tracewright.pipeline.verify.evaluation.numeric import NumericEvaluator
from tracewright.pipeline.verify.evaluation.values import Truth, same_value
from tracewright.pipeline.verify.failures import LimitError
from tracewright.pipeline.verify.grammar.nodes import Relation
from tracewright.pipeline.verify.grammar.parser import parse_answer
from tracewright.pipeline.verify.limits import MAX_COMPARISON_MS
from tracewright.schemas import Outcome

NUMBERS = st.integers(-(10**25), 10**25)
TERMS = st.sampled_from(["x", "y", "2", "3x", "x^2", "\\sqrt{2}", "\\frac{1}{3}", "\\pi", "(x+1)", "xy"])


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.integers(1, 10**6))
def test_a_number_is_not_its_neighbour(number: int, below: int) -> None:
    gold = f"{number}/{below}"
    assert verify_answer(gold, f"{2 * number}/{2 * below}").outcome is Outcome.CORRECT
    assert verify_answer(gold, f"{number + 1}/{below}").outcome is Outcome.INCORRECT
    if number:
        assert verify_answer(gold, f"{-number}/{below}").outcome is Outcome.INCORRECT


@settings(max_examples=100, deadline=None)
@given(st.decimals(-1000, 1000, places=6))
def test_a_decimal_is_its_fraction(decimal: object) -> None:
    fraction = Fraction(str(decimal))
    assert (
        verify_answer(str(decimal), f"\\frac{{{fraction.numerator}}}{{{fraction.denominator}}}").outcome
        is Outcome.CORRECT
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(TERMS, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_terms_may_stand_in_any_order_but_none_may_be_missing(terms: list[str], rng: object) -> None:
    shuffled = list(terms)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    gold = " + ".join(terms)
    assert verify_answer(gold, " + ".join(shuffled)).outcome is Outcome.CORRECT
    assert verify_answer(gold, " + ".join([*shuffled, "7"])).outcome is Outcome.INCORRECT


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_the_outcome_is_the_same_whichever_side_is_gold_unless_a_side_has_no_answer(a: str, b: str) -> None:
    for gold, given_answer in ((a, b), (b, a)):
        verdict = verify_answer(f"\\boxed{{{gold}}}", f"\\boxed{{{given_answer}}}")
        assert verdict.reason
        assert verdict.seconds < 5


def test_texts_that_no_encoding_can_hold_get_a_verdict() -> None:
    verdict = verify_answer("\ud800", "x\udfff")
    assert verdict.outcome is not Outcome.CORRECT
    assert verdict.model_dump_json()


def test_all_evaluations_of_a_comparison_share_one_budget() -> None:
    begin_comparison()
    current_budget().spend(MAX_COMPARISON_MS)
    finding = same_value(parse_answer("x + 1"), parse_answer("1 + x"), frozenset())
    assert (finding.truth, finding.reason) == (Truth.REFUSED, "the comparison takes too much work")
    begin_comparison()
    assert same_value(parse_answer("x + 1"), parse_answer("1 + x"), frozenset()).truth is Truth.SAME


def test_a_gamma_function_is_worked_out_to_few_digits_only() -> None:
    value = parse_answer("(7/3)!")
    assert NumericEvaluator(50, {}, frozenset()).value(value) > 2
    with pytest.raises(LimitError, match="300 digits"):
        NumericEvaluator(1000, {}, frozenset()).value(value)
    assert NumericEvaluator(1000, {}, frozenset()).value(parse_answer("5!")) == 120


@pytest.mark.parametrize(
    ("term", "half", "count"),
    [("-4", "-2", 400), ("-4y", "-2y", 400), (r"+\frac{x}{4y+z}", r"+\frac{x}{8y+2z}", 100)],
    ids=["numbers", "products", "quotients"],
)
def test_an_equation_of_hundreds_of_terms_is_compared(term: str, half: str, count: int) -> None:
    gold = f"2x{term * count}+6z=8"
    assert verify_answer(gold, f"x{half * count}+3z=4").outcome is Outcome.CORRECT
    assert verify_answer(gold, f"x{half * (count - 1)}+3z=4").outcome is Outcome.INCORRECT


def test_a_relation_past_the_budget_is_refused() -> None:
    begin_comparison()
    current_budget().spend(MAX_COMPARISON_MS - 0.01)
    a, b = parse_answer("2x + y = 4"), parse_answer("4x + 2y = 8")
    assert isinstance(a, Relation) and isinstance(b, Relation)
    finding = same_relation(a, b, frozenset())
    assert (finding.truth, finding.reason) == (Truth.REFUSED, "the comparison takes too much work")


def test_a_product_of_many_matrices_is_worked_out_or_refused() -> None:
    shear = r"\begin{pmatrix}1&1\\0&1\end{pmatrix}"
    assert verify_answer(r"\begin{pmatrix}1&40\\0&1\end{pmatrix}", shear * 40).outcome is Outcome.CORRECT
    assert verify_answer(r"\begin{pmatrix}1&41\\0&1\end{pmatrix}", shear * 40).outcome is Outcome.INCORRECT
    verdict = verify_answer(r"\begin{pmatrix}1&40\\0&1\end{pmatrix}", shear.replace("&1", "&x") * 40)
    assert verdict.outcome is Outcome.UNVERIFIABLE and "more than 4000 parts" in verdict.reason
