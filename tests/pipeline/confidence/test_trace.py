"""Pooling steps into a trace's confidence, and votes."""

import pytest

from tracewright.pipeline.confidence import trace_confidence, vote


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [("minimum", 0.5), ("product", 0.5 * 0.9**11), ("bottom_decile", (0.5 + 0.9) / 2)],
)
def test_poolings_of_twelve_steps(pooling, expected):
    assert trace_confidence([0.9] * 6 + [0.5] + [0.9] * 5, pooling) == pytest.approx(expected)


def test_the_minimum_is_the_default():
    assert trace_confidence([0.3, 0.8]) == 0.3


@pytest.mark.parametrize("pooling", ["minimum", "product", "bottom_decile"])
def test_steps_without_confidence_are_left_out(pooling):
    assert trace_confidence([None, 0.4, None], pooling) == pytest.approx(0.4)
    assert trace_confidence([None, None], pooling) is None
    assert trace_confidence([], pooling) is None


def test_one_sure_trace_outweighs_two_doubtful_ones():
    result = vote(["7", "8", "8"], [0.95, 0.3, 0.2])
    assert (result.weighted, result.majority) == ("7", "8")
    assert result.weights == {"7": 0.95, "8": 0.5}
    assert result.counts == {"7": 1, "8": 2}


def test_without_confidence_the_weighted_vote_is_the_majority():
    result = vote(["1", "2", "2"], [None, None, None])
    assert result.weighted == result.majority == "2"


def test_ties_go_to_the_answer_given_first():
    assert vote(["b", "a"], [0.5, 0.5]).weighted == "b"
    assert vote(["b", "a"], [0.5, 0.5]).majority == "b"


def test_a_trace_without_an_answer_has_no_vote():
    result = vote([None, "3", None], [0.99, 0.1, 0.99])
    assert (result.weighted, result.majority) == ("3", "3")
    assert vote([None], [0.5]).weighted is None
    assert vote([], []).majority is None
