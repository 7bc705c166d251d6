"""What a filter that is being typed is completed with."""

import pytest

from tracewright.api.pages.completion import complete
from tracewright.api.traces.frame import make_empty_frame


def suggest(text, at=None):
    return [one.text for one in complete(text, len(text) if at is None else at, make_empty_frame())]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("", "outcome"),
        ("problem", "problem_id"),
        ("conf", "confidence"),
        ("outcome ", "=="),
        ("outcome == ", '"correct"'),
        ('outcome == "inc', '"incorrect"'),
        ("outcome in [", '"correct"'),
        ('outcome in ["correct", ', '"correct"'),
        ('outcome == "correct" ', "and"),
        ('outcome == "correct" and tok', "tokens"),
        ("flagged ", "and"),
        ("tokens between 3 ", "and"),
        ("tokens is ", "null"),
        ("not (fl", "flagged"),
    ],
)
def test_the_likeliest_comes_first(typed, first):
    assert suggest(typed)[0] == first


def test_what_follows_the_caret_does_not_matter():
    assert suggest("conf and level == 2", at=4)[0] == "confidence"


def test_a_suggestion_says_where_it_begins():
    (only,) = complete("level == 2 and outc", 19, make_empty_frame())
    assert (only.text, only.start, bool(only.meaning)) == ("outcome", 15, True)


@pytest.mark.parametrize("typed", ["&&", '"', "level == ", "x y z ", "((((", "level == 2 )"])
def test_whatever_is_typed_nothing_breaks(typed):
    assert isinstance(suggest(typed), list)
